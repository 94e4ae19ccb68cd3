// The promise of this service on random interleavings: no verification that starts after an acknowledged revocation, rotation, cancellation
// or protection says valid, over three replicas on one database; and lifting a protection opens what it closed. The checker itself is tried
// on four planted bugs.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createDatabase, type Database } from '@meridian/kit/db/database.ts';
import { newId } from '@meridian/kit/ids.ts';
import type { TestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import type { Schema } from '../src/db/schema.ts';
import { keyDatabase, silent } from './harness.ts';
import { type FactsOf, makeKeys, now, region, replicaOf } from './history/replica.ts';
import { type HistoryOptions, type Outcome, type Replica, randomFrom, runHistory } from './history/run-history.ts';

const seed = Number(process.env.HISTORY_SEED ?? Math.floor(Math.random() * 2 ** 31));
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

const shared: Pick<HistoryOptions, 'workers' | 'newProtectionId' | 'isLost'> = {
  workers: 64,
  newProtectionId: () => newId('prt', region, now()),
  isLost: (error) => ['account_cancelled', 'key_not_active'].includes((error as { code?: string }).code ?? ''),
};

/** Rounds with fresh keys each: after a while most keys of a round are dead, and dead ones have nothing more to tell. */
const rounds = async (
  replicas: readonly Replica[],
  calls: number,
  each: number,
  stopEarly = false,
): Promise<Outcome> => {
  const random = randomFrom(seed);
  const sum: Outcome = { calls: 0, violations: {}, of: {} };
  while (sum.calls < calls && !(stopEarly && Object.keys(sum.violations).length > 0)) {
    const keys = await makeKeys(databases[0] as Database<Schema>, Math.ceil(each / 50), 3);
    const outcome = await runHistory({ ...shared, replicas, keys, random, calls: Math.min(each, calls - sum.calls) });
    sum.calls += outcome.calls;
    for (const part of ['violations', 'of'] as const)
      for (const [name, n] of Object.entries(outcome[part])) sum[part][name] = (sum[part][name] ?? 0) + n;
  }
  return sum;
};

test(`100,000 random interleavings over three replicas (HISTORY_SEED=${seed})`, async () => {
  const outcome = await rounds(
    databases.map((db) => replicaOf(db)),
    100_000,
    20_000,
  );
  expect(outcome.violations).toEqual({});
  expect(outcome.calls).toBeGreaterThanOrEqual(100_000);
  // Nothing is proved by a history in which something never happened.
  const stops = ['cancel', 'revoke', 'protect', 'lift', ...(replicaOf(databases[0]!).rotate ? ['rotate'] : [])];
  for (const name of ['accepted', 'refused', ...stops])
    expect([name, (outcome.of[name] ?? 0) > 500]).toEqual([name, true]);
}, 180_000);

describe(`the checker notices (HISTORY_SEED=${seed})`, () => {
  const planted: Record<string, (db: Database<Schema>) => Replica> = {
    'an acknowledgement before the commit': (db) => {
      const replica = replicaOf(db);
      const early =
        <A extends unknown[]>(work: (...all: A) => Promise<unknown>) =>
        async (...all: A) => {
          // The bug is that nobody waits; a refusal of a fenced account is no news here.
          void pause(5)
            .then(() => work(...all))
            .catch(() => undefined);
        };
      return {
        ...replica,
        revoke: early(replica.revoke),
        cancel: early(replica.cancel),
        protect: early(replica.protect),
      };
    },
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
      const outcome = await rounds(
        databases.map((db) => planted[bug]!(db)),
        20_000,
        2_000,
        true,
      );
      expect(outcome.violations['accepted a dead key']).toBeGreaterThan(0);
      await pause(200);
    },
    60_000,
  );
});
