// What lies between a client and its brokers: addresses behind which nobody answers, and connections that carry nothing any more.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { withCleanup } from '@meridian/testkit/cleanup.ts';
import { readEffects } from '@meridian/testkit/event-bus/history.ts';
import { consumerOf, relayOf } from '@meridian/testkit/event-bus/parts.ts';
import { quiesce, until, verdict } from '@meridian/testkit/event-bus/stage.ts';
import { describeNeeding } from '@meridian/testkit/jest/needs.ts';
import { kafkaEngineAvailable } from '@meridian/testkit/kafka/kafka-available.ts';
import { type RunningKafka, startKafka } from '@meridian/testkit/kafka/start-kafka.ts';
import type { TcpProxy } from '@meridian/testkit/tcp-proxy.ts';
import { busOf } from './kafka-bus-module.ts';
import { keepTaking, openStages } from './kafka-stage.ts';

const patience = 60_000;

/** An address that takes connections and does only this with them, as a balancer does whose broker is gone. */
const startListener = async (take: (socket: Socket) => void) => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined)); // what becomes of it is the client's matter
    take(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
};

describeNeeding('kafka', await kafkaEngineAvailable(), 'between a client and its brokers', () => {
  let kafka: RunningKafka;
  let stages: Awaited<ReturnType<typeof openStages>>;
  beforeAll(async () => {
    kafka = await startKafka({ brokers: 1 });
    stages = await openStages(kafka.proxied);
  }, 240_000);
  afterAll(async () => {
    await stages?.stop();
    await kafka?.stop();
  }, 60_000);

  test.each<[string, (socket: Socket) => void]>([
    ['closes what it takes', (socket) => socket.end()],
    ['says nothing', (socket) => socket.resume()],
  ])(
    'an address that %s keeps nobody from the others of the list',
    (_, take) =>
      stages.onStage((stage) =>
        withCleanup(async (defer) => {
          const dead = await startListener(take);
          defer(dead.close);
          const bus = busOf([dead.address, ...kafka.proxied]);
          defer(() => bus.close(5_000));
          stage.keep(relayOf(stage.source.db, bus, stage.topic)).start();
          const consumer = consumerOf(stage.target.db, bus, stage.topic, { group: stage.group });
          defer(() => consumer.stop());
          await consumer.start();
          const steps = keepTaking(stage);
          await until('events flow', patience, async () => (await readEffects(stage.target.db)).length > 0);
          await steps.stop();
        }),
      ),
    120_000,
  );

  test.each<[string, (proxy: TcpProxy) => void]>([
    ['carry nothing any more', (proxy) => proxy.silence()],
    ['break off in the middle of an answer', (proxy) => proxy.tear()],
  ])(
    'connections that %s are given up, and new ones made',
    (_, disturb) =>
      stages.onStage(async (stage) => {
        stage.keep(relayOf(stage.source.db, stage.bus, stage.topic)).start();
        await stage.keep(consumerOf(stage.target.db, stage.bus, stage.topic, { group: stage.group })).start();
        const steps = keepTaking(stage);
        const seenMore = async () => {
          const before = (await readEffects(stage.target.db)).length;
          await until('events flow', patience, async () => (await readEffects(stage.target.db)).length > before + 50);
        };
        for (let round = 0; round < 3; round += 1) {
          await seenMore();
          disturb(kafka.proxyOf(1));
        }
        await seenMore();
        await steps.stop();
        await quiesce(stage, patience);
        expect(await verdict(stage)).toEqual([]);
        expect(await readEffects(stage.target.db)).toHaveLength(steps.taken());
      }),
    300_000,
  );
});
