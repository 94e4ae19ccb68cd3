// The broker's disk is full: nothing is lost, it is said, and room on the disk mends it.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { wait } from '@meridian/kit/events/wait.ts';
import { readEffects } from '@meridian/testkit/event-bus/history.ts';
import { quiesce, until, verdict } from '@meridian/testkit/event-bus/stage.ts';
import { describeNeeding } from '@meridian/testkit/jest/needs.ts';
import { kafkaEngineAvailable } from '@meridian/testkit/kafka/kafka-available.ts';
import { flushedPerMessage, type RunningKafka, smallDisk, startKafka } from '@meridian/testkit/kafka/start-kafka.ts';
import { sql } from 'kysely';
import { testTiming } from './kafka-bus-module.ts';
import { heardConsumer, heardRelay, listenIn, openStages, takeSteps } from './kafka-stage.ts';

const patience = 150_000;

describeNeeding('kafka', await kafkaEngineAvailable(), 'a broker on a small disk', () => {
  let kafka: RunningKafka;
  let stages: Awaited<ReturnType<typeof openStages>>;
  beforeAll(async () => {
    kafka = await startKafka({ brokers: 1, diskMegabytes: 200, settings: flushedPerMessage });
    stages = await openStages(kafka.proxied);
  }, 240_000);
  afterAll(async () => {
    await stages?.stop();
    await kafka?.stop();
  }, 60_000);

  test(
    'fills up: events stay in the outbox, line and metrics say so, and everything settles when there is room again',
    () =>
      stages.onStage(async (stage) => {
        const heard = listenIn();
        heardRelay(stage, heard);
        await heardConsumer(stage, heard).start();
        const before = await takeSteps(stage, 8, 5);
        await until('events flow', patience, async () => (await readEffects(stage.target.db)).length === before);
        const outbox = async () => (await sql`select 1 from outbox`.execute(stage.source.db.read)).rows.length;

        await kafka.execute(['bash', '-c', `dd if=/dev/zero of=${smallDisk}/filler bs=1M || true; df ${smallDisk}`]);
        // Files of the log have room that was allocated before: some events still fit.
        let taken = 0;
        for (let n = 0; n < 400 && heard.said(/^relay of a batch failed/).length === 0; n += 1) {
          taken += await takeSteps(stage, 20, 5);
          await wait(20);
        }
        await until('the line', patience, async () => heard.said(/^relay of a batch failed/).length > 0);
        expect(heard.said('relay of a batch failed, will be repeated')[0]).toMatchObject({
          level: 'error',
          topic: stage.topic,
          err: { code: 'unavailable' },
        });
        expect(await outbox()).toBeGreaterThan(0);
        expect(await heard.value('relay_publish_failures_total')).toBeGreaterThan(0);
        expect(await heard.value('bus_failures_total', { code: 'unavailable' })).toBeGreaterThan(0);
        await until('depth and age', patience, async () => {
          const [depth = 0, age = 0] = [
            await heard.value('outbox_depth'),
            await heard.value('outbox_oldest_age_seconds'),
          ];
          return depth > 0 && age > 0;
        });

        // Away for longer than a consumer may be silent while the brokers answer.
        await wait(testTiming.watchdogMs / 2);
        await kafka.execute(['rm', `${smallDisk}/filler`]);
        await kafka.answers();
        await quiesce(stage, patience);
        expect(await outbox()).toBe(0);
        expect(await verdict(stage)).toEqual([]);
        expect(await readEffects(stage.target.db)).toHaveLength(before + taken);
        await until('no depth', patience, async () => (await heard.value('outbox_depth')) === 0);
        expect(await heard.value('outbox_oldest_age_seconds')).toBe(0);
      }),
    600_000,
  );
});
