// One broker and what happens to it, and what strangers write to a topic: nothing is lost, and the operator reads it in lines and metrics.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { changeSettings, createKafkaClient } from '@meridian/kit/events/kafka-client.ts';
import { ensureTopics } from '@meridian/kit/events/kafka-topics.ts';
import { listParked } from '@meridian/kit/events/parking.ts';
import { topicSettings } from '@meridian/kit/events/topics.ts';
import { wait } from '@meridian/kit/events/wait.ts';
import { newId } from '@meridian/kit/ids.ts';
import { readEffects } from '@meridian/testkit/event-bus/history.ts';
import { consumerOf, log, now, region, relayOf, takeStep } from '@meridian/testkit/event-bus/parts.ts';
import { newAccount, quiesce, type Stage, until, verdict } from '@meridian/testkit/event-bus/stage.ts';
import { describeNeeding } from '@meridian/testkit/jest/needs.ts';
import { kafkaEngineAvailable } from '@meridian/testkit/kafka/kafka-available.ts';
import { type RunningKafka, startKafka } from '@meridian/testkit/kafka/start-kafka.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { sql } from 'kysely';
import { runEvents } from '../src/run/events-command.ts';
import { busOf } from './kafka-bus-module.ts';
import {
  adminOf,
  declared,
  type Heard,
  heardConsumer,
  heardRelay,
  keepTaking,
  listenIn,
  openStages,
  takeSteps,
} from './kafka-stage.ts';

const patience = 60_000;
const relayFailed = 'relay of a batch failed, will be repeated';
const cannotJoin = 'cannot join the event bus, will try again';

const isMissing = (error: unknown) => (error as { code?: string }).code === 'topic_missing';

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
  const startConsumer = (stage: Stage) =>
    stage.keep(consumerOf(stage.target.db, stage.bus, stage.topic, { group: stage.group })).start();
  /** Relay and consumer of one program, as its operator hears them, on a bus that writes to the same log. */
  const startHeard = async (stage: Stage) => {
    const heard = listenIn();
    const bus = busOf(kafka.proxied, { log: heard.log, partitions: 4 });
    stage.keep({ stop: () => bus.close(5_000) });
    heardRelay(stage, heard, bus);
    await heardConsumer(stage, heard, bus).start();
    return heard;
  };
  const effects = async (stage: Stage) => (await readEffects(stage.target.db)).length;
  const rowsOf = async (stage: Stage) => (await sql`select 1 from outbox`.execute(stage.source.db.read)).rows.length;
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
          const heard = listenIn();
          const { metrics } = heard;
          await heardConsumer(stage, heard).start();
          const client = createKafkaClient({ brokers: kafka.brokers, clientId: 'stranger', log });
          const producer = client.producer();
          await producer.connect();
          stage.keep({ stop: () => producer.disconnect() });
          await kafka.ask('allowing large records', (admin) =>
            changeSettings(admin, stage.topic, {
              ...topicSettings(declared(stage.topic), 1),
              'max.message.bytes': String(12 * 1024 * 1024),
            }),
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
            event(account, { type: 'something-else.v1', accountseq: 2 }),
            event(account, { type: 'step-taken.v2', accountseq: 3 }),
            event(foreign, { region: 'global' }),
          ].map((message) => ({ ...message, partition: 0 }));
          // The broker takes a moment to know the new limit.
          const send = (message: (typeof messages)[number]) =>
            waitFor(() => producer.send({ topic: stage.topic, messages: [message] }), { timeoutMs: patience });
          for (const message of messages) await send(message);
          // By Kafka's own producer, in forms that our client cannot read.
          for (const codec of ['snappy', 'lz4', 'zstd'])
            await kafka.execute([
              'bash',
              '-c',
              `echo ${codec} | /opt/kafka/bin/kafka-console-producer.sh --bootstrap-server localhost:19092 --topic ${stage.topic} --compression-codec ${codec}`,
            ]);
          // The good one comes last, in the same partition.
          await producer.send({
            topic: stage.topic,
            messages: [{ ...event(account, { accountseq: 4, data: { n: 4 } }), partition: 0 }],
          });
          await until('the good one', patience, async () => (await readEffects(stage.target.db)).length === 1);
          await quiesce(stage, patience);
          expect((await readEffects(stage.target.db)).map(({ n }) => n)).toEqual([4]);
          const parked = await listParked(stage.target.db);
          const places = parked.map(({ type, state }) => `${type} ${state}`).sort();
          expect(places).toEqual([
            'something-else.v1 unknown',
            'something-else.v1 unknown',
            'step-taken.v2 unknown',
            ...Array(9).fill('unreadable parked'),
          ]);
          const outcomes: Record<string, number> = {};
          for (const { labels, value } of (await metrics.eventsHandled.get()).values)
            outcomes[String(labels.outcome)] = (outcomes[String(labels.outcome)] ?? 0) + value;
          expect(outcomes).toMatchObject({ unknown: 3, applied: 1, parked: 9 });
          const { group } = stage;
          expect(await heard.value('events_foreign_region_total', { group })).toBe(1);
          expect(await heard.value('events_parked_total', { group, type: 'unreadable' })).toBe(9);
          await until(
            'parked now',
            patience,
            async () =>
              (await heard.value('parked_events', { group, state: 'parked' })) === 9 &&
              (await heard.value('parked_events', { group, state: 'unknown' })) === 3,
          );
          const lines = heard.said(/^event parked; .*npm run events -- list.*events-command\.ts list/);
          expect(lines).toHaveLength(9);
          const reasons = lines.map(({ err }) => (err as { summary: string }).summary);
          expect(reasons.filter((reason) => reason === 'the payload is not JSON')).toHaveLength(6);
          expect(reasons.filter((reason) => reason.startsWith('invalid envelope'))).toHaveLength(3);
          expect(heard.said('event of another region refused')).toMatchObject([{ level: 'error', group }]);
          // Twice received, said once.
          expect(heard.said(/does not know are kept/)).toMatchObject([
            { level: 'warn', type: 'something-else.v1' },
            { level: 'warn', type: 'step-taken.v2' },
          ]);
        }),
      180_000,
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
            ).rejects.toMatchObject({ code: 'topic_missing', message: expect.stringContaining('kafka-prepare') });
            const heard = await startHeard(stage);
            const account = newAccount();
            await takeStep(stage.source.db, account, 1);
            await until('the line', patience, async () => heard.said(relayFailed).length > 0);
            const named = { code: 'topic_missing', summary: expect.stringContaining('run the job kafka-prepare') };
            expect(heard.said(relayFailed)[0]).toMatchObject({ level: 'error', topic: stage.topic, err: named });
            expect(heard.said(cannotJoin)[0]).toMatchObject({ level: 'error', group: stage.group, err: named });
            expect(await heard.value('bus_failures_total', { code: 'topic_missing' })).toBeGreaterThan(0);
            expect(await rowsOf(stage)).toBe(1);
            await stages.declareTopics([stage.topic]);
            await takeStep(stage.source.db, account, 2);
            await until('both', patience, async () => (await readEffects(stage.target.db)).length === 2);
            await settled(stage, 2);
          },
          { undeclared: true },
        ),
      180_000,
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

    test(
      'a service whose topic has wrong partitions: its consumer refuses to start, its relay says so and keeps the events',
      () =>
        stages.onStage(
          async (stage) => {
            await ensureTopics(stages.admin, [declared(stage.topic, 3)]);
            const heard = listenIn();
            const wrong = { code: 'topic_partitions' };
            await expect(heardConsumer(stage, heard).start()).rejects.toMatchObject(wrong);
            heardRelay(stage, heard);
            await takeStep(stage.source.db, newAccount(), 1);
            await until('the line', patience, async () => heard.said(relayFailed).length > 0);
            expect(heard.said(relayFailed)[0]).toMatchObject({
              level: 'error',
              err: { ...wrong, summary: expect.stringContaining(`recreate --topic ${stage.topic}`) },
            });
            expect(await heard.value('bus_failures_total', wrong)).toBeGreaterThan(1);
            expect(await heard.value('relay_publish_failures_total')).toBeGreaterThan(0);
            expect(await heard.value('consumer_joined', { group: stage.group })).toBe(0);
            expect(await rowsOf(stage)).toBe(1);
          },
          { undeclared: true },
        ),
      180_000,
    );
  });

  describe('the broker', () => {
    test(
      'is down at start: the service starts, keeps its events, and joins when it comes',
      () =>
        stages.onStage(async (stage) => {
          kafka.proxyOf(1).setDown(true);
          const { group, topic } = stage;
          let heard: Heard;
          try {
            await expect(stage.bus.health()).rejects.toMatchObject({ code: 'unavailable' });
            heard = await startHeard(stage);
            await takeSteps(stage, 4, 2);
            const unavailable = { code: 'unavailable' };
            await until('the line', patience, async () => heard.said(relayFailed).length > 0);
            expect(heard.said(relayFailed)[0]).toMatchObject({ level: 'error', topic, err: unavailable });
            expect(heard.said(cannotJoin)[0]).toMatchObject({ level: 'error', group, err: unavailable });
            expect(await heard.value('bus_failures_total', unavailable)).toBeGreaterThan(1);
            expect(await heard.value('consumer_joined', { group })).toBe(0);
            await until('the depth', patience, async () => (await heard.value('outbox_depth')) === 8);
            expect(await heard.value('outbox_oldest_age_seconds')).toBeGreaterThan(0);
            expect(await heard.value('consumer_lag_events', { group, topic })).toBeUndefined();
          } finally {
            kafka.proxyOf(1).setDown(false);
          }
          await until('all', patience, async () => (await effects(stage)) === 8);
          await stage.bus.health();
          await settled(stage, 8);
          await until('joined', patience, async () => (await heard.value('consumer_joined', { group })) === 1);
          await until(
            'the lag',
            patience,
            async () => (await heard.value('consumer_lag_events', { group, topic })) === 0,
          );
          expect(await heard.value('consumer_oldest_unhandled_seconds', { group, topic })).toBe(0);
        }),
      180_000,
    );

    test(
      'goes away while a service runs: lines and metrics say so, unknown lag is not shown as the last one, and it heals',
      () =>
        stages.onStage(async (stage) => {
          const { group, topic } = stage;
          const heard = await startHeard(stage);
          await takeSteps(stage, 4, 2);
          const lag = () => heard.value('consumer_lag_events', { group, topic });
          await until('the lag', patience, async () => (await effects(stage)) === 8 && (await lag()) === 0);
          expect(await heard.value('consumer_joined', { group })).toBe(1);
          kafka.proxyOf(1).setDown(true);
          try {
            await takeSteps(stage, 4, 2);
            await until('no member', patience, async () => (await heard.value('consumer_joined', { group })) === 0);
            expect(heard.said('event consumer lost the brokers, joins again')[0]).toMatchObject({
              level: 'warn',
              group,
            });
            await until('unknown', patience, async () => (await lag()) === undefined);
            expect(await heard.value('consumer_oldest_unhandled_seconds', { group, topic })).toBeUndefined();
            expect(heard.said('the lag of the consumer cannot be measured')[0]).toMatchObject({ level: 'warn', group });
            expect(heard.said(relayFailed)[0]).toMatchObject({ level: 'error', err: { code: 'unavailable' } });
            expect(await heard.value('relay_publish_failures_total')).toBeGreaterThan(0);
          } finally {
            kafka.proxyOf(1).setDown(false);
          }
          await until('all', patience, async () => (await effects(stage)) === 16);
          await until('joined', patience, async () => (await heard.value('consumer_joined', { group })) === 1);
          await until('the lag', patience, async () => (await lag()) === 0);
          await settled(stage, 16);
        }),
      240_000,
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
          // What waits meanwhile: seconds of events, not a whole start of a broker.
          await wait(2_000);
          await steps.stop();
          await kafka.restart();
          await settled(stage, steps.taken());
        }),
      180_000,
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
          let taken = 8;
          try {
            taken += await takeSteps(stage, 4, 5);
            await new Promise((resolve) => setTimeout(resolve, 12_000)); // longer than a request may take, and than the session
          } finally {
            await kafka.unpause();
          }
          await settled(stage, taken);
        }),
      180_000,
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
      180_000,
    );

    test(
      'comes back empty while a consumer is stopped: what it had not read is published again by command, and nothing is missing',
      () =>
        stages.onStage(async (stage) => {
          const heard = listenIn();
          heardRelay(stage, heard);
          const first = heardConsumer(stage, heard);
          await first.start();
          const account = newAccount();
          const took = async (from: number, to: number) => {
            for (let n = from; n <= to; n += 1) await takeStep(stage.source.db, account, n);
          };
          await took(1, 5);
          await until('five', patience, async () => (await effects(stage)) === 5);
          await first.stop();
          const stopped = new Date();
          await took(6, 15);
          await until('published', patience, async () => (await rowsOf(stage)) === 0);
          await kafka.replaceByEmpty();
          await took(16, 16);
          const missing = { code: 'topic_missing', summary: expect.stringContaining('run the job kafka-prepare') };
          await until('the line', patience, async () => heard.said(relayFailed).some(({ err }) => isMissing(err)));
          expect(heard.said(relayFailed).find(({ err }) => isMissing(err))).toMatchObject({ err: missing });
          await ensureTopics(stages.admin, [declared(stage.topic)]);

          await heardConsumer(stage, heard).start();
          await until('the gap', patience, async () => heard.said(/^event held/).length === 1);
          expect(heard.said(/^event held/)).toMatchObject([
            { level: 'error', seq: 16, msg: expect.stringContaining('npm run events -- list') },
          ]);
          const { group } = stage;
          expect(await heard.value('events_sequence_gap_total', { group })).toBe(1);
          expect(await effects(stage)).toBe(5);

          const printed: string[] = [];
          const args = ['republish', '--since', stopped.toISOString()];
          expect(await runEvents(args, { DATABASE_URL: stage.source.url }, (line) => void printed.push(line))).toBe(0);
          expect(printed).toEqual([expect.stringMatching(/^1[01] queued/)]);
          await until('all', patience, async () => (await effects(stage)) === 16);
          await settled(stage, 16);
          // Sent again altogether, everything is known already.
          expect(
            await runEvents(['republish', '--account', account], { DATABASE_URL: stage.source.url }, () => {}),
          ).toBe(0);
          await until('again', patience, async () => (await rowsOf(stage)) === 0);
          await settled(stage, 16);
        }),
      240_000,
    );
  });
});
