// One broker and what happens to it, and what strangers write to a topic.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createKafkaClient } from '@meridian/kit/events/kafka-client.ts';
import { ensureTopics } from '@meridian/kit/events/kafka-topics.ts';
import { listParked } from '@meridian/kit/events/parking.ts';
import { newId } from '@meridian/kit/ids.ts';
import { readEffects } from '@meridian/testkit/event-bus/history.ts';
import { consumerOf, log, newMetrics, now, region, relayOf, takeStep } from '@meridian/testkit/event-bus/parts.ts';
import { newAccount, quiesce, type Stage, until, verdict } from '@meridian/testkit/event-bus/stage.ts';
import { describeNeeding } from '@meridian/testkit/jest/needs.ts';
import { kafkaEngineAvailable } from '@meridian/testkit/kafka/kafka-available.ts';
import { type RunningKafka, startKafka } from '@meridian/testkit/kafka/start-kafka.ts';
import { adminOf, busOf, declared, keepTaking, openStages, takeSteps } from './kafka-stage.ts';

const patience = 40_000;

describeNeeding('kafka', await kafkaEngineAvailable(), 'one broker', () => {
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

  const startRelay = (stage: Stage) => stage.keep(relayOf(stage.source.db, stage.bus, stage.topic)).start();
  const startConsumer = (stage: Stage, bus = stage.bus, metrics = newMetrics()) =>
    stage.keep(consumerOf(stage.target.db, bus, stage.topic, { group: stage.group, metrics })).start();
  const settled = async (stage: Stage, count: number) => {
    await quiesce(stage, patience);
    expect(await verdict(stage)).toEqual([]);
    expect(await readEffects(stage.target.db)).toHaveLength(count);
  };

  describe('what strangers write', () => {
    test(
      'nothing that can be written to a topic stops the events behind it',
      () =>
        stages.onStage(async (stage) => {
          const metrics = newMetrics();
          await startConsumer(stage, stage.bus, metrics);
          const client = createKafkaClient({ brokers: kafka.brokers, clientId: 'stranger', log });
          const producer = client.producer();
          await producer.connect();
          const settings = {
            type: 2, // topic
            name: stage.topic,
            configEntries: [{ name: 'max.message.bytes', value: String(12 * 1024 * 1024) }],
          };
          await kafka.ask('allowing large records', (admin) =>
            admin.alterConfigs({ validateOnly: false, resources: [settings] }),
          );
          const account = newAccount();
          const foreign = newId('acc', 'global', now());
          const envelope = (of: string, more: object) => ({
            specversion: '1.0',
            id: newId('evt', region, now()),
            source: `${region}/identity`,
            type: 'step-taken.v1',
            subject: of,
            time: now().toISOString(),
            datacontenttype: 'application/json',
            region,
            partitionkey: of,
            accountseq: 1,
            data: { n: 1 },
            ...more,
          });
          const event = (of: string, more: object) => {
            const content = envelope(of, more);
            return { key: of, value: JSON.stringify(content), headers: { eventid: content.id } };
          };
          const keys = Array.from({ length: 8 }, newAccount);
          const messages = [
            { key: keys[0] as string, value: 'not json', headers: { eventid: newId('evt', region, now()) } },
            { key: keys[1] as string, value: Buffer.from([0, 255, 254, 0, 1]) },
            { key: Buffer.from([0, 1, 2]), value: '{}' },
            { key: null, value: null },
            { key: 'k'.repeat(100_000), value: '[]' },
            { key: keys[2] as string, value: JSON.stringify({ text: 'x'.repeat(10 * 1024 * 1024) }) },
            event(account, { type: 'something-else.v1' }),
            event(account, { type: 'step-taken.v2', accountseq: 2 }),
            event(foreign, { region: 'global' }),
          ].map((message) => ({ ...message, partition: 0 }));
          for (const message of messages) await producer.send({ topic: stage.topic, messages: [message] });
          // The good one comes last, in the same partition.
          await producer.send({
            topic: stage.topic,
            messages: [{ ...event(account, { accountseq: 3, data: { n: 3 } }), partition: 0 }],
          });
          await producer.disconnect();
          await until('the good one', patience, async () => (await readEffects(stage.target.db)).length === 1);
          await quiesce(stage, patience);
          expect((await readEffects(stage.target.db)).map(({ n }) => n)).toEqual([3]);
          const parked = await listParked(stage.target.db);
          expect(parked.map(({ type, state }) => `${type} ${state}`)).toEqual(Array(6).fill('unreadable parked'));
          const outcomes = Object.fromEntries(
            (await metrics.eventsHandled.get()).values.map(({ labels, value }) => [labels.outcome, value]),
          );
          expect(outcomes).toMatchObject({ ignored: 1, newer_major: 1, applied: 1, parked: 6 });
          expect((await metrics.eventsForeign.get()).values).toMatchObject([{ value: 1 }]);
        }),
      60_000,
    );

    test('a record too large for the topic is refused by name', async () => {
      await ensureTopics(stages.admin, [declared('cn.large.events')]);
      const bus = busOf(kafka.brokers);
      const payload = 'x'.repeat(10 * 1024 * 1024);
      await expect(bus.publish([{ topic: 'cn.large.events', key: 'k', eventId: 'e', payload }])).rejects.toMatchObject({
        code: 'record_too_large',
      });
      await bus.close(1_000);
    }, 60_000);
  });

  describe('topics', () => {
    test(
      'a missing topic: nothing is lost from the outbox, the service runs, and creating the topic mends it',
      () =>
        stages.onStage(
          async (stage) => {
            await expect(
              stage.bus.publish([{ topic: stage.topic, key: 'k', eventId: 'e', payload: '{}' }]),
            ).rejects.toMatchObject({ code: 'topic_missing', message: expect.stringContaining('npm run topics') });
            startRelay(stage);
            await startConsumer(stage);
            const account = newAccount();
            await takeStep(stage.source.db, account, 1);
            await stages.declareTopics([stage.topic]);
            await takeStep(stage.source.db, account, 2);
            await until('both', patience, async () => (await readEffects(stage.target.db)).length === 2);
            await settled(stage, 2);
          },
          { undeclared: true },
        ),
      60_000,
    );

    test('a topic with another number of partitions is refused, naming the mending command', async () => {
      await ensureTopics(stages.admin, [declared('cn.wrong.events', 3)]);
      const bus = busOf(kafka.brokers, { partitions: 4 });
      const refusal = { code: 'topic_partitions', message: expect.stringMatching(/has 3 partitions.*npm run topics/) };
      const handler = async () => undefined;
      await expect(bus.subscribe({ group: 'g', topics: ['cn.wrong.events'], handler })).rejects.toMatchObject(refusal);
      await expect(
        bus.publish([{ topic: 'cn.wrong.events', key: 'k', eventId: 'e', payload: '{}' }]),
      ).rejects.toMatchObject(refusal);
      await expect(ensureTopics(stages.admin, [declared('cn.wrong.events')])).rejects.toMatchObject(refusal);
      await bus.close(1_000);
    });
  });

  describe('the broker', () => {
    test(
      'is down at start: the service starts, keeps its events, and joins when it comes',
      () =>
        stages.onStage(async (stage) => {
          kafka.proxyOf(1).setDown(true);
          try {
            await expect(stage.bus.health()).rejects.toMatchObject({ code: 'unavailable' });
            startRelay(stage);
            await startConsumer(stage);
            await takeSteps(stage, 4, 2);
          } finally {
            kafka.proxyOf(1).setDown(false);
          }
          await until('all', patience, async () => (await readEffects(stage.target.db)).length === 8);
          await stage.bus.health();
          await settled(stage, 8);
        }),
      90_000,
    );

    test(
      'is killed and started again while events flow',
      () =>
        stages.onStage(async (stage) => {
          startRelay(stage);
          await startConsumer(stage);
          const steps = keepTaking(stage);
          await until('events flow', patience, async () => (await readEffects(stage.target.db)).length > 20);
          await kafka.kill();
          await kafka.restart();
          await steps.stop();
          await settled(stage, steps.taken());
        }),
      120_000,
    );

    test(
      'stops answering for a while (paused): events wait and arrive',
      () =>
        stages.onStage(async (stage) => {
          startRelay(stage);
          await startConsumer(stage);
          await takeSteps(stage, 4, 2);
          await until('events flow', patience, async () => (await readEffects(stage.target.db)).length === 8);
          await kafka.pause();
          const taken = await takeSteps(stage, 4, 5);
          await new Promise((resolve) => setTimeout(resolve, 8_000)); // longer than a request may take, and than the session
          await kafka.unpause();
          await settled(stage, 8 + taken);
        }),
      120_000,
    );

    test(
      'comes back empty: what is in the outbox arrives once the topics are made again, and consumers heal',
      () =>
        stages.onStage(async (stage) => {
          startRelay(stage);
          await startConsumer(stage);
          const account = newAccount();
          for (let n = 1; n <= 20; n += 1) await takeStep(stage.source.db, account, n);
          await settled(stage, 20);
          await kafka.replaceByEmpty();
          for (let n = 21; n <= 25; n += 1) await takeStep(stage.source.db, account, n);
          const admin = adminOf(kafka.brokers);
          expect(await ensureTopics(admin, [declared(stage.topic)], { checkOnly: true })).toEqual([
            { name: stage.topic, state: 'missing' },
          ]);
          await ensureTopics(admin, [declared(stage.topic)]);
          await admin.close(1_000);
          await until('the rest', patience * 2, async () => (await readEffects(stage.target.db)).length === 25);
          await settled(stage, 25);
        }),
      150_000,
    );
  });
});
