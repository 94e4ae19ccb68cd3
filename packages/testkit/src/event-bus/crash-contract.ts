// Kills: each named point of the path once, the connections, the database. After quiet every promise must have been kept.
import { expect, test } from '@jest/globals';
import { publish } from '@meridian/kit/events/publish.ts';
import { createRelay } from '@meridian/kit/events/relay.ts';
import { type FailpointName, failpointNames } from '@meridian/kit/failpoints.ts';
import { sql } from 'kysely';
import type { Suite } from '../event-bus-suite.ts';
import type { Orders } from './child.ts';
import { readChanges, readEffects } from './history.ts';
import { consumerOf, log, newMetrics, now, region, relayOf, stepTaken, takeStep } from './parts.ts';
import { spawnPart } from './spawn-part.ts';
import { newAccount, quiesce, type Stage, until, verdict } from './stage.ts';

export const victimOf: Record<FailpointName, Orders['part']> = {
  'after-business-commit': 'producer',
  'before-publish': 'relay',
  'after-publish': 'relay',
  'before-delete': 'relay',
  'after-inbox-insert': 'consumer',
  'after-effect-before-commit': 'consumer',
  'after-commit-before-offset': 'consumer',
};

const accounts = Array.from({ length: 5 }, newAccount);
export const stepsOf = (from: number, to: number): [string, number][] =>
  Array.from({ length: to - from + 1 }, (_, i) =>
    accounts.map((account): [string, number] => [account, from + i]),
  ).flat();

/** Steps of one account in order, accounts side by side; an uncertain commit is not repeated, the database says what happened. */
const takeAll = async (stage: Stage, steps: [string, number][], tolerant = false): Promise<number> => {
  let failed = 0;
  await Promise.all(
    [...Map.groupBy(steps, ([account]) => account).values()].map(async (own) => {
      for (const [account, n] of own)
        try {
          await takeStep(stage.source.db, account, n);
        } catch (error) {
          if (!tolerant) throw error;
          failed += 1;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
    }),
  );
  return failed;
};

export const crashContract = (suite: Suite): void => {
  const patience = suite.patienceMs;
  const startAll = async (stage: Stage) => {
    const relay = stage.keep(relayOf(stage.source.db, stage.bus, stage.topic));
    relay.start();
    const consumer = stage.keep(consumerOf(stage.target.db, stage.bus, stage.topic, { group: stage.group }));
    await consumer.start();
  };
  const settled = async (stage: Stage, count?: number) => {
    await quiesce(stage, patience);
    expect(await verdict(stage)).toEqual([]);
    const effects = await readEffects(stage.target.db);
    if (count === undefined) expect(effects.length).toBeGreaterThan(0);
    else expect(effects).toHaveLength(count);
  };

  test.each(failpointNames)('killed %s, nothing is lost and nothing takes effect twice', (point) =>
    suite.onStage(async (stage) => {
      const part = victimOf[point];
      const steps = part === 'producer' ? stepsOf(1, 3) : [];
      if (part !== 'producer') await takeAll(stage, stepsOf(1, 3));
      if (part === 'consumer') stage.keep(relayOf(stage.source.db, stage.bus, stage.topic)).start();
      const { module, config } = suite.transport;
      const dieAt = { point, nth: part === 'relay' ? 1 : 4 };
      const orders = {
        part,
        databaseUrl: part === 'consumer' ? stage.target.url : stage.source.url,
        bus: { module, config },
      };
      const end = await spawnPart({ ...orders, topic: stage.topic, group: stage.group, steps, dieAt }, patience);
      expect(end).toBe('SIGKILL');
      // What the producer had committed stays committed, no more and no less.
      if (part === 'producer') expect(await readChanges(stage.source.db)).toHaveLength(4);
      await startAll(stage);
      if (part === 'producer') await takeAll(stage, steps.slice(4));
      await takeAll(stage, stepsOf(4, 5));
      await settled(stage, 25);
    }),
  );

  test('with every connection broken again and again, work goes on', () =>
    suite.onStage(async (stage) => {
      await startAll(stage);
      let broken = 0;
      for (let round = 0; round < 3; round += 1) {
        const writing = takeAll(stage, stepsOf(1 + round * 6, 6 + round * 6), true);
        broken += await suite.server.disconnect(stage.source.url);
        broken += await suite.server.disconnect(stage.target.url);
        await suite.transport.disconnect();
        await writing;
      }
      // Writers, relay and consumer each had a connection in every round.
      expect(broken).toBeGreaterThanOrEqual(6);
      await settled(stage);
    }));

  test(
    'with the database and the transport killed and restarted, work goes on',
    () =>
      suite.onStage(async (stage) => {
        await startAll(stage);
        await takeAll(stage, stepsOf(1, 5));
        const writing = takeAll(stage, stepsOf(6, 40), true);
        await Promise.all([suite.server.crash(), suite.transport.restart?.()]);
        const failed = await writing;
        expect(failed).toBeGreaterThan(0);
        await settled(stage);
      }),
    240_000,
  );

  test('of two relays one leads, and the other takes over when its connection is lost', () =>
    suite.onStage(async (stage) => {
      const metrics = [newMetrics(), newMetrics()];
      const leaders = async () =>
        (await Promise.all(metrics.map(async (m) => (await m.relayLeader.get()).values[0]?.value ?? 0))).map(Number);
      const buses = [stage.bus, stage.newBus()] as const;
      metrics.forEach((each, i) => {
        const bus = buses[i] ?? stage.bus;
        stage
          .keep(createRelay({ db: stage.source.db, bus, topic: stage.topic, log, metrics: each, pollMs: 50 }))
          .start();
      });
      await stage.keep(consumerOf(stage.target.db, stage.bus, stage.topic, { group: stage.group })).start();
      await takeAll(stage, stepsOf(1, 5));
      await until('one leader', patience, async () => (await leaders()).reduce((a, b) => a + b, 0) === 1);
      const first = (await leaders()).indexOf(1);
      let changed = false;
      for (let n = 6; !changed && n < 60; n += 1) {
        await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'relay'
          and pid in (select pid from pg_locks where locktype = 'advisory' and granted)`.execute(stage.source.db.read);
        await takeAll(stage, stepsOf(n, n));
        await until('a leader', patience, async () => (await leaders()).includes(1));
        changed = (await leaders()).indexOf(1) !== first;
      }
      expect(changed).toBe(true);
      await settled(stage);
    }));

  test('an event that commits after later ones is not forgotten', () =>
    suite.onStage(async (stage) => {
      await startAll(stage);
      await slowTransaction(stage, patience);
      await settled(stage, 4);
    }));
};

/** A transaction takes its outbox id, waits while others with later ids are relayed, and commits last. */
export const slowTransaction = async (stage: Stage, patienceMs: number): Promise<void> => {
  const [slow = '', fast = ''] = accounts;
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let inserted = () => {};
  const waiting = new Promise<void>((resolve) => {
    inserted = resolve;
  });
  const slowly = stage.source.db.transaction(async (tx) => {
    const eventId = await publish(tx, { service: 'identity', region, now }, stepTaken, {
      accountId: slow,
      data: { n: 1 },
    });
    await sql`insert into change (event_id, account_id, n) values (${eventId}, ${slow}, 1)`.execute(tx);
    inserted();
    await released;
  });
  await waiting;
  for (const n of [1, 2, 3]) await takeStep(stage.source.db, fast, n);
  await until('the fast events', patienceMs, async () => (await readEffects(stage.target.db)).length === 3);
  release();
  await slowly;
};
