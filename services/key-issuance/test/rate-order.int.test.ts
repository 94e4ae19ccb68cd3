// Two replicas that want the same counters in opposite orders, made to meet: a row in the middle is held until both wait.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createDatabase, type Database } from '@meridian/kit/db/database.ts';
import type { TestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import pg from 'pg';
import type { Schema } from '../src/db/schema.ts';
import { type RateQuestion, takeRates } from '../src/rates/rate.store.ts';
import { keyDatabase, silent } from './harness.ts';

const now = new Date('2026-11-22T12:00:30Z');
let database: TestDatabase;
let replicas: Database<Schema>[];
let admin: pg.Client;
let holder: pg.Client;
beforeAll(async () => {
  database = await keyDatabase();
  replicas = ['one', 'two'].map((name) =>
    createDatabase<Schema>({ url: database.url, poolSize: 2, log: silent, applicationName: `replica ${name}` }),
  );
  [admin, holder] = [1, 2].map(() => new pg.Client({ connectionString: database.url })) as [pg.Client, pg.Client];
  await Promise.all([admin.connect(), holder.connect()]);
});
afterAll(async () => {
  await holder?.end();
  await admin?.end();
  // The test has closed them, unless it failed before.
  await Promise.allSettled((replicas ?? []).map((replica) => replica.close()));
  await database?.drop();
});

const question = (id: string): RateQuestion => ({
  subjects: [{ id, scope: 'key', limits: { requestsPerMinute: 10, tokensPerMinute: null, tokensPerDay: null } }],
  tokens: 1,
});

test('lock them in one order, so that neither ever waits for the other in a ring', async () => {
  const questions = ['k:1', 'k:2', 'k:3', 'k:4', 'k:5'].map(question);
  await takeRates(replicas[0]!.read, questions, now);
  await holder.query("begin; select from rate_window where subject = 'k:3' for update");
  // Asked without the retry that would hide a deadlock.
  const taken = Promise.all([
    takeRates(replicas[0]!.read, questions, now),
    takeRates(replicas[1]!.read, questions.toReversed(), now),
  ]);
  await waitFor(async () => {
    const { rows } = await admin.query(
      "select count(*)::int as n from pg_stat_activity where application_name like 'replica %' and wait_event_type = 'Lock'",
    );
    return rows[0].n === 2;
  });
  await holder.query('commit');
  expect((await taken).flat().every(({ exceeded }) => exceeded === undefined)).toBe(true);
  const { rows } = await admin.query('select distinct requests::int from rate_window');
  expect(rows).toEqual([{ requests: 3 }]);
  // Connections tell what they noticed of deadlocks when they end, at the latest.
  await Promise.all(replicas.map((replica) => replica.close()));
  const { rows: noticed } = await admin.query(
    'select deadlocks::int from pg_stat_database where datname = current_database()',
  );
  expect(noticed).toEqual([{ deadlocks: 0 }]);
});
