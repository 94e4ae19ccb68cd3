// The ground: a real broker in a container, and the client speaks to it, through a restart and a rebalance.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createKafkaClient } from '@meridian/kit/events/kafka-client.ts';
import { allClosed, withCleanup } from '@meridian/testkit/cleanup.ts';
import { describeNeeding } from '@meridian/testkit/jest/needs.ts';
import { kafkaEngineAvailable } from '@meridian/testkit/kafka/kafka-available.ts';
import { type RunningKafka, startKafka } from '@meridian/testkit/kafka/start-kafka.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { pino } from 'pino';

describeNeeding('kafka', await kafkaEngineAvailable(), 'one broker in a container', () => {
  let kafka: RunningKafka;
  beforeAll(async () => {
    kafka = await startKafka({ brokers: 1 });
  }, 240_000);
  afterAll(() => kafka?.stop(), 60_000);

  test(
    'topics, produce, consume, a second member, a kill and a restart',
    () =>
      withCleanup(async (defer) => {
        const client = createKafkaClient({
          brokers: kafka.brokers,
          clientId: 'ground',
          log: pino({ level: 'silent' }),
        });
        await kafka.ask('creating', (admin) =>
          admin.createTopics({ topics: [{ topic: 'ground', numPartitions: 4, replicationFactor: 1 }] }),
        );
        const producer = client.producer();
        defer(() => producer.disconnect());
        await producer.connect();
        const seen = [new Set<string>(), new Set<string>()];
        const members = seen.map(() =>
          client.consumer({ groupId: 'ground', sessionTimeout: 6_000, heartbeatInterval: 500, maxWaitTimeInMs: 200 }),
        );
        defer(() => allClosed(members.map((member) => member.disconnect())));
        const join = async (n: number) => {
          await members[n]?.connect();
          await members[n]?.subscribe({ topic: 'ground', fromBeginning: true });
          await members[n]?.run({ eachMessage: async ({ message }) => void seen[n]?.add(String(message.value)) });
        };
        const send = (from: number, to: number) =>
          producer.send({
            topic: 'ground',
            messages: Array.from({ length: to - from }, (_, i) => ({ key: `k${i}`, value: `v${from + i}` })),
          });
        const all = () => new Set([...(seen[0] ?? []), ...(seen[1] ?? [])]);
        await send(0, 20);
        await join(0);
        await waitFor(() => seen[0]?.size === 20, { timeoutMs: 60_000 });
        await join(1);
        await waitFor(
          async () => {
            const had = all().size;
            await send(had, had + 20);
            await waitFor(() => all().size >= had + 20, { timeoutMs: 20_000 });
            return (seen[1]?.size ?? 0) > 0;
          },
          { timeoutMs: 60_000 },
        );
        await kafka.kill();
        await kafka.restart();
        const had = all().size;
        await waitFor(() => send(had, had + 20).then(() => true), { timeoutMs: 60_000 });
        await waitFor(() => all().size === had + 20, { timeoutMs: 60_000 });
        expect(seen[0]?.size).toBeGreaterThan(0);
      }),
    300_000,
  );
});
