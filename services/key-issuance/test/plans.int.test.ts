// A deployment begins with empty tables. What a verification asks is planned then, and those plans are kept while the tables grow.
import { expect, test } from '@jest/globals';
import { createDatabase } from '@meridian/kit/db/database.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import pg from 'pg';
import type { Schema } from '../src/db/schema.ts';
import { openVerificationDatabase } from '../src/keys/verification-database.ts';
import type { RateQuestion } from '../src/rates/rate.store.ts';
import { keyDatabase, silent } from './harness.ts';
import { makeKeys } from './history/replica.ts';

const rows = 20_000;
const question = (id: string): RateQuestion => ({
  subjects: [{ id, scope: 'key', limits: { requestsPerMinute: 10, tokensPerMinute: null, tokensPerDay: null } }],
  tokens: 1,
});

test('reads the rows it needs and no more of tables that were empty when it began', async () => {
  const database = await keyDatabase();
  const admin = new pg.Client({ connectionString: database.url });
  const db = createDatabase<Schema>({ url: database.url, poolSize: 1, log: silent, applicationName: 'plans' });
  const asked = openVerificationDatabase({
    url: database.url,
    log: silent,
    pool: { reading: 1, counting: 1 },
    deadlineMs: 10_000,
    now: () => new Date(),
  });
  const ask = async (digest: Buffer) => {
    await asked.takeRates(question('k:1'));
    return asked.factsOf(digest);
  };
  const readInOrder = async () => {
    const { rows: tables } = await admin.query<{ relname: string; seq_tup_read: number }>(
      'select relname, seq_tup_read::int from pg_stat_user_tables where seq_tup_read >= $1 order by 1',
      [rows],
    );
    return tables.map(({ relname }) => relname);
  };
  try {
    await admin.connect();
    // Nobody but the test takes statistics, which would make new plans.
    for (const table of [
      'rate_window',
      'account_gate',
      'account_freeze',
      'account_protection',
      'api_key',
      'api_key_secret',
    ])
      await admin.query(`alter table ${table} set (autovacuum_enabled = off)`);
    // More often than PostgreSQL tries whether plans for one call are better.
    for (let n = 0; n < 7; n += 1) expect(await ask(Buffer.alloc(32))).toBeUndefined();

    const [key] = await makeKeys(db, 1, 1);
    const series = `from generate_series(1, ${rows}) as n`;
    await admin.query(`insert into rate_window select 'k:' || n, 0, 0, 0, 0, 0 ${series} on conflict do nothing`);
    await admin.query(`insert into account_gate (account_id) select 'acc_' || n ${series}`);
    await admin.query(`insert into account_freeze (freeze_id, account_id) select 'frz_' || n, 'acc_' || n ${series}`);
    await admin.query(`insert into account_protection (protection_id, account_id, case_id, until)
      select 'prt_' || n, 'acc_' || n, 'case', 'infinity' ${series}`);
    await admin.query(`insert into api_key (key_id, account_id, name, display, product, created_at, project, kind)
      select 'key_' || n, 'acc_' || n, 'k', 'sk-', 'payg', now(), 'default', 'standard' ${series}`);
    await admin.query(`insert into api_key_secret (digest, key_id, pepper_version, created_at)
      select sha256(n::text::bytea), 'key_' || n, 1, now() ${series}`);
    const { rows: secrets } = await admin.query('select digest from api_key_secret where key_id = $1', [key?.keyId]);
    const before = await readInOrder();
    expect(await ask(secrets[0].digest)).toMatchObject({ keyId: key?.keyId, frozen: false, protection: null });
    // Connections tell what they read when they end, at the latest.
    await asked.close();
    await waitFor(async () => {
      const { rows: left } = await admin.query(
        "select from pg_stat_activity where application_name like 'key-issuance %' and datname = current_database()",
      );
      return left.length === 0;
    });
    expect(await readInOrder()).toEqual(before);
  } finally {
    await Promise.allSettled([asked.close(), db.close()]);
    await admin.end();
    await database.drop();
  }
});
