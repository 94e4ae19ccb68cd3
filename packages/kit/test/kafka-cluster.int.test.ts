// Three real brokers: leaders move while events are sent. And the two ways in which kafkajs with other settings loses what it acknowledged,
// on the same brokers (the answers are lost in a TCP proxy before the broker; nothing else is simulated).
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { EventRecord } from '@meridian/kit/events/event-bus.ts';
import { createKafkaClient } from '@meridian/kit/events/kafka-client.ts';
import { kafkaPartitionOf } from '@meridian/kit/events/kafka-partition.ts';
import { ensureTopics } from '@meridian/kit/events/kafka-topics.ts';
import { withCleanup } from '@meridian/testkit/cleanup.ts';
import { readEffects } from '@meridian/testkit/event-bus/history.ts';
import { consumerOf, log, relayOf } from '@meridian/testkit/event-bus/parts.ts';
import { newAccount, quiesce, type Stage, until, verdict } from '@meridian/testkit/event-bus/stage.ts';
import { describeNeeding } from '@meridian/testkit/jest/needs.ts';
import { kafkaEngineAvailable } from '@meridian/testkit/kafka/kafka-available.ts';
import { type RunningKafka, startKafka } from '@meridian/testkit/kafka/start-kafka.ts';
import type { TcpProxy } from '@meridian/testkit/tcp-proxy.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { busOf } from './kafka-bus-module.ts';
import { declared, keepTaking, openStages } from './kafka-stage.ts';

const patience = 60_000;
const longer = { timeoutMs: patience };

describeNeeding('kafka', await kafkaEngineAvailable(), 'three brokers', () => {
  let kafka: RunningKafka;
  let stages: Awaited<ReturnType<typeof openStages>>;
  beforeAll(async () => {
    kafka = await startKafka({ brokers: 3 });
    stages = await openStages(kafka.proxied);
  }, 240_000);
  afterAll(async () => {
    await stages?.stop();
    await kafka?.stop();
  }, 60_000);

  const startAll = async (stage: Stage) => {
    stage.keep(relayOf(stage.source.db, stage.bus, stage.topic)).start();
    await stage.keep(consumerOf(stage.target.db, stage.bus, stage.topic, { group: stage.group })).start();
  };
  const settled = async (stage: Stage, count: number) => {
    await quiesce(stage, patience);
    expect(await verdict(stage)).toEqual([]);
    expect(await readEffects(stage.target.db)).toHaveLength(count);
  };
  const seenMore = async (stage: Stage) => {
    const before = (await readEffects(stage.target.db)).length;
    await until('events flow', patience, async () => (await readEffects(stage.target.db)).length > before);
  };

  test(
    'leaders move while events are sent',
    () =>
      stages.onStage(async (stage) => {
        await startAll(stage);
        const steps = keepTaking(stage);
        const leaders: number[] = [];
        for (const partition of [0, 1, 2, 3, 0]) {
          await seenMore(stage);
          leaders.push(await kafka.moveLeader(stage.topic, partition));
        }
        await seenMore(stage);
        await steps.stop();
        expect(leaders).toHaveLength(5);
        await settled(stage, steps.taken());
      }),
    180_000,
  );

  test(
    'a leader is killed while events are sent, and comes back',
    () =>
      stages.onStage(async (stage) => {
        await startAll(stage);
        const steps = keepTaking(stage);
        await seenMore(stage);
        const leader = await kafka.leaderOf(stage.topic, 0);
        await kafka.kill(leader);
        await waitFor(async () => (await kafka.leaderOf(stage.topic, 0)) !== leader, { timeoutMs: patience });
        await seenMore(stage);
        await steps.stop();
        await kafka.restart(leader);
        await settled(stage, steps.taken());
      }),
    180_000,
  );

  const create = async (topic: string) => {
    await ensureTopics(stages.admin, [declared(topic)]);
    await kafka.knownEverywhere(topic);
  };

  /** Accounts whose events go to the given partitions of four. */
  const accountsOn = (...partitions: number[]): string[] =>
    partitions.map((wanted) => {
      for (;;) {
        const account = newAccount();
        if (kafkaPartitionOf(account, 4) === wanted) return account;
      }
    });
  const record = (topic: string, key: string, eventId: string): EventRecord => ({ topic, key, eventId, payload: '{}' });
  const storedOn = async (topic: string, partition: number) => {
    const all = await kafka.ask('counting', (admin) => admin.fetchTopicOffsets(topic));
    return Number(all.find((one) => one.partition === partition)?.high);
  };
  const allStored = (topic: string): Promise<string[]> =>
    withCleanup(async (defer) => {
      const bus = busOf(kafka.brokers);
      defer(() => bus.close(2_000));
      const ids: string[] = [];
      await bus.subscribe({
        group: `reader-${topic}`,
        topics: [topic],
        handler: async ({ eventId }) => void ids.push(eventId),
      });
      await until('all read', patience, async () => {
        const lags = await bus.lag(`reader-${topic}`);
        return lags.length > 0 && lags.every(({ records }) => records === 0n);
      });
      return ids;
    });

  describe('loss 1: one send that spans two brokers, one of which no longer leads', () => {
    /** Partition 1 is led by another broker than partition 0, is known to be so, and then moves to the broker of partition 0. */
    const separate = async (topic: string) => {
      const [zero, one] = [await kafka.leaderOf(topic, 0), await kafka.leaderOf(topic, 1)];
      if (zero === one) await kafka.moveLeader(topic, 1);
      return zero;
    };

    test(
      'kafkajs resolves a send that it never made',
      () =>
        withCleanup(async (defer) => {
          const topic = 'cn.loss-one.events';
          await create(topic);
          const target = await separate(topic);
          const producer = createKafkaClient({ brokers: kafka.brokers, clientId: 'unsafe', log }).producer({
            idempotent: false,
            // The broker that leads must have answered before the other is asked again: both would be sent to it once more.
            retry: { initialRetryTime: 2_000, maxRetryTime: 30_000 },
          });
          defer(() => producer.disconnect());
          await producer.connect();
          const send = (value: string) =>
            producer.send({ topic, acks: -1, messages: [0, 1].map((partition) => ({ partition, key: 'k', value })) });
          expect(await send('before')).toHaveLength(2);
          await kafka.moveLeader(topic, 1, target);
          const answer = await send('after');
          // Resolved, with an answer for one partition; the other has only the record of before.
          expect(answer.map(({ partition, errorCode }) => [partition, errorCode])).toEqual([[0, 0]]);
          expect([await storedOn(topic, 0), await storedOn(topic, 1)]).toEqual([2, 1]);
        }),
      120_000,
    );

    test(
      'the adapter stores both',
      () =>
        withCleanup(async (defer) => {
          const topic = 'cn.safe-one.events';
          await create(topic);
          const target = await separate(topic);
          const accounts = accountsOn(0, 1);
          const bus = busOf(kafka.brokers);
          defer(() => bus.close(2_000));
          const send = (round: string) =>
            bus.publish(accounts.map((account, i) => record(topic, account, `${round}-${i}`)));
          await send('before');
          await kafka.moveLeader(topic, 1, target);
          await send('after');
          expect([await storedOn(topic, 0), await storedOn(topic, 1)]).toEqual([2, 2]);
        }),
      120_000,
    );
  });

  describe('loss 2: an idempotent producer that is kept after a rejected send', () => {
    const prepare = async (topic: string) => {
      await create(topic);
      return kafka.proxyOf(await kafka.leaderOf(topic, 0));
    };
    /** What is sent meanwhile arrives, and its answer does not; connections of that time are cut. */
    const withoutAnswers = async (proxy: TcpProxy, meanwhile: () => Promise<void>) => {
      proxy.swallowAnswers = true;
      try {
        await meanwhile();
      } finally {
        proxy.swallowAnswers = false;
        proxy.cut();
      }
    };

    test(
      'kafkajs reports the next event as stored, and it is not',
      () =>
        withCleanup(async (defer) => {
          const topic = 'cn.loss-two.events';
          const proxy = await prepare(topic);
          const producer = createKafkaClient({
            brokers: kafka.proxied,
            clientId: 'unsafe',
            log,
            requestTimeoutMs: 5_000,
          }).producer({ idempotent: true, maxInFlightRequests: 1, retry: { retries: 1, initialRetryTime: 100 } });
          defer(() => producer.disconnect());
          await producer.connect();
          const send = (id: string) =>
            producer.send({ topic, messages: [{ partition: 0, key: 'k', value: '{}', headers: { eventid: id } }] });
          await waitFor(() => send('event-0'), longer);
          await withoutAnswers(proxy, () => expect(send('event-1')).rejects.toThrow());
          const answers = await waitFor(() => send('event-2'), longer);
          // Acknowledged with errorCode 0, at the offset of event-1: the broker took it for event-1 sent again.
          expect(answers).toMatchObject([{ errorCode: 0, baseOffset: '1' }]);
          expect(await allStored(topic)).toEqual(['event-0', 'event-1']);
        }),
      240_000,
    );

    test(
      'with the adapter the next event is stored, and the rejected one when it is sent again',
      () =>
        withCleanup(async (defer) => {
          const topic = 'cn.safe-two.events';
          const proxy = await prepare(topic);
          const [account = ''] = accountsOn(0);
          const bus = busOf(kafka.proxied, { requestTimeoutMs: 5_000, sendDeadlineMs: 6_000 });
          defer(() => bus.close(2_000));
          const publish = (id: string) => bus.publish([record(topic, account, id)]).then(() => true);
          await waitFor(() => publish('event-0'), longer);
          await withoutAnswers(proxy, () => expect(publish('event-1')).rejects.toMatchObject({ code: 'unavailable' }));
          await waitFor(() => publish('event-2'), longer);
          await waitFor(() => publish('event-1'), longer);
          const ids = await allStored(topic);
          expect(new Set(ids)).toEqual(new Set(['event-0', 'event-1', 'event-2']));
          // Duplicates are allowed, and show that the first event-1 had arrived although its answer was lost.
          expect(ids.filter((id) => id === 'event-1').length).toBeGreaterThan(1);
        }),
      240_000,
    );
  });
});
