// The same histories through the HTTP routes of several replicas: what a route acknowledges is committed.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createDatabase, type Database } from '@meridian/kit/db/database.ts';
import type { TestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import type { Schema } from '../src/db/schema.ts';
import { keyDatabase, silent } from './harness.ts';
import { answerEarly } from './history/answer-early.ts';
import { startHttpReplica } from './history/http-replica.ts';
import type { Mistake } from './history/judge.ts';
import { rounds, seed } from './history/rounds.ts';

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

/** Through routes that write with `writing(db)`. */
const through = async (writing: (db: Database<Schema>) => Database<Schema>, calls: number, seeking?: Mistake) => {
  const replicas = await Promise.all(databases.map((db) => startHttpReplica({ db, writing: writing(db) })));
  try {
    return await rounds({ replicas, db: databases[0]!, calls, each: 2_000, seeking });
  } finally {
    await Promise.all(replicas.map((replica) => replica.stop()));
  }
};

test(`10,000 calls over HTTP to three replicas (HISTORY_SEED=${seed})`, async () => {
  const outcome = await through((db) => db, 10_000);
  expect(outcome.violations).toEqual({});
  expect(outcome.calls).toBeGreaterThanOrEqual(10_000);
  for (const name of ['accepted', 'refused', 'cancel', 'revoke', 'rotate', 'protect', 'lift'])
    expect([name, (outcome.of[name] ?? 0) > 50]).toEqual([name, true]);
}, 180_000);

test(`the checker notices routes that answer before the commit (HISTORY_SEED=${seed})`, async () => {
  const seeking = 'accepted a dead key';
  const outcome = await through(answerEarly, 10_000, seeking);
  expect(outcome.violations[seeking]).toBeGreaterThan(0);
}, 180_000);
