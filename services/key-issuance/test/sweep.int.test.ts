// What is over goes, all of it and nothing younger, whoever else sweeps or works at the same time.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createDatabase, type Database } from '@meridian/kit/db/database.ts';
import type { TestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import pg from 'pg';
import type { Schema } from '../src/db/schema.ts';
import { sweep } from '../src/sweep.ts';
import { keyDatabase, silent } from './harness.ts';

const now = new Date('2026-11-22T12:00:00Z');
const day = Math.floor(now.getTime() / 86_400_000);
const auditRetention = { months: 6, basis: 'a law' };
const options = { limit: 10, budgetMs: 10_000, auditRetention };

let database: TestDatabase;
let db: Database<Schema>;
let admin: pg.Client;
beforeAll(async () => {
  database = await keyDatabase();
  db = createDatabase<Schema>({ url: database.url, poolSize: 4, log: silent, applicationName: 'sweeper' });
  admin = new pg.Client({ connectionString: database.url });
  await admin.connect();
});
afterAll(async () => {
  await admin?.end();
  await db?.close();
  await database?.drop();
});

/** How to insert a row numbered $1, old or young ($2), and where rows are. */
const kinds = {
  changes: {
    table: 'key_change',
    insert: `insert into key_change (position, account_id, reason, changed_at) values ($1, 'acc', 'cancelled', $2)`,
    old: '2026-11-21T11:59:59Z',
    young: '2026-11-21T12:00:01Z',
  },
  audit: {
    table: 'key_audit',
    insert: `insert into key_audit (at, account_id, actor, action) select $2, 'acc' || $1::bigint, 'owner', 'create'`,
    old: '2026-05-22T11:59:59Z',
    young: '2026-05-22T12:00:01Z',
  },
  windows: {
    table: 'rate_window',
    insert: `insert into rate_window values ('k:' || $1::bigint, 0, 1, 1, $2, 1)`,
    old: day - 2,
    young: day - 1,
  },
  reports: {
    table: 'usage_report',
    insert: `insert into usage_report values ('req' || $1::bigint, $2)`,
    old: '2026-11-21T11:59:59Z',
    young: '2026-11-21T12:00:01Z',
  },
} as const;
type Kind = keyof typeof kinds;
const names = Object.keys(kinds) as Kind[];

const fill = async (kind: Kind, old: number, young: number) => {
  const { table, insert, ...times } = kinds[kind];
  await admin.query(`truncate ${table}`);
  for (let i = 0; i < old + young; i += 1) await admin.query(insert, [i, i < old ? times.old : times.young]);
};
const left = async (kind: Kind) =>
  (await admin.query(`select count(*)::int as n from ${kinds[kind].table}`)).rows[0].n as number;

describe.each(names)('of %s', (kind) => {
  test('as much goes as is over, however many batches that takes, and nothing younger', async () => {
    await fill(kind, 35, 3);
    expect((await sweep(db.read, now, options))[kind]).toBe(35);
    expect(await left(kind)).toBe(3);
  });

  test('what another transaction has in hand is left to a later sweep instead of waited for', async () => {
    await fill(kind, 5, 1);
    const other = new pg.Client({ connectionString: database.url });
    await other.connect();
    await other.query('begin');
    await other.query(`select from ${kinds[kind].table} limit 1 for update`);
    try {
      expect((await sweep(db.read, now, options))[kind]).toBe(4);
    } finally {
      await other.query('commit');
      await other.end();
    }
    expect((await sweep(db.read, now, options))[kind]).toBe(1);
    expect(await left(kind)).toBe(1);
  });
});

test('replicas may sweep at the same time', async () => {
  for (const kind of names) await fill(kind, 60, 2);
  const both = await Promise.all([sweep(db.read, now, options), sweep(db.read, now, options)]);
  // One may have found everything in the other's hands.
  await sweep(db.read, now, options);
  for (const kind of names) {
    expect(await left(kind)).toBe(2);
    expect(both[0][kind] + both[1][kind]).toBeLessThanOrEqual(60);
  }
});
