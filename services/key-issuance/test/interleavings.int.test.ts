// The promise of this service on random interleavings: no verification that starts after an acknowledged revocation, rotation, cancellation
// or protection says valid, over three replicas on one database; and lifting a protection opens what it closed. The checker itself is tried
// on planted bugs.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createDatabase, type Database } from '@meridian/kit/db/database.ts';
import type { TestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import type { Schema } from '../src/db/schema.ts';
import { keyDatabase, silent } from './harness.ts';
import { answerEarly } from './history/answer-early.ts';
import { type FactsOf, replicaOf } from './history/replica.ts';
import { rounds, seed } from './history/rounds.ts';
import type { Replica } from './history/run-history.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

let database: TestDatabase;
let databases: Database<Schema>[];
beforeAll(async () => {
  database = await keyDatabase();
  databases = [1, 2, 3].map((n) =>
    createDatabase<Schema>({ url: database.url, poolSize: 6, log: silent, applicationName: `replica ${n}` }),
  );
});
afterAll(async () => {
  await Promise.all((databases ?? []).map((replica) => replica.close()));
  await database?.drop();
});

test(`100,000 random interleavings over three replicas (HISTORY_SEED=${seed})`, async () => {
  const replicas = databases.map((db) => replicaOf(db));
  const outcome = await rounds({ replicas, db: databases[0]!, calls: 100_000, each: 20_000 });
  expect(outcome.violations).toEqual({});
  expect(outcome.calls).toBeGreaterThanOrEqual(100_000);
  // Nothing is proved by a history in which something never happened.
  for (const name of ['accepted', 'refused', 'cancel', 'revoke', 'rotate', 'protect', 'lift'])
    expect([name, (outcome.of[name] ?? 0) > 500]).toEqual([name, true]);
}, 300_000);

describe(`the checker notices (HISTORY_SEED=${seed})`, () => {
  const planted: Record<string, (db: Database<Schema>) => Replica> = {
    'an acknowledgement before the commit': (db) => replicaOf(answerEarly(db)),
    // Of all that stops a key the one that answers something new.
    'an acknowledgement of a rotation, and of nothing else, before the commit': (db) => ({
      ...replicaOf(db),
      rotate: replicaOf(answerEarly(db)).rotate,
    }),
    'a cache of one second': (db) =>
      replicaOf(db, {
        wrap: (read) => {
          const cache = new Map<string, { facts: Awaited<ReturnType<FactsOf>>; at: number }>();
          return async (digest) => {
            const hex = digest.toString('hex');
            const kept = cache.get(hex);
            if (kept && performance.now() - kept.at < 1_000) return kept.facts;
            const facts = await read(digest);
            cache.set(hex, { facts, at: performance.now() });
            return facts;
          };
        },
      }),
    'joining a statement that is already sent': (db) =>
      replicaOf(db, {
        wrap: (read) => {
          const inFlight = new Map<string, ReturnType<FactsOf>>();
          return (digest) => {
            const hex = digest.toString('hex');
            const running = inFlight.get(hex) ?? read(digest).finally(() => inFlight.delete(hex));
            inFlight.set(hex, running);
            return running;
          };
        },
      }),
    'reading a standby that is 40 ms behind': (db) => replicaOf(db, { lagMs: 40 }),
  };

  test.each(Object.keys(planted))(
    '%s',
    async (bug) => {
      const replicas = databases.map((db) => planted[bug]!(db));
      const seeking = 'accepted a dead key';
      const outcome = await rounds({ replicas, db: databases[0]!, calls: 20_000, each: 2_000, seeking });
      expect(outcome.violations[seeking]).toBeGreaterThan(0);
      await pause(200);
    },
    60_000,
  );

  test('a dead key, also after good ones were refused', async () => {
    let refusals = 2_000;
    const verify = async () => {
      refusals -= 1;
      return refusals < 0;
    };
    const replica: Replica = { ...replicaOf(databases[0]!), verify };
    const seeking = 'accepted a dead key';
    const outcome = await rounds({ replicas: [replica], db: databases[0]!, calls: 4_000, each: 1_000, seeking });
    expect(outcome.violations['refused a good key']).toBeGreaterThan(0);
    expect(outcome.violations[seeking]).toBeGreaterThan(0);
  });
});
