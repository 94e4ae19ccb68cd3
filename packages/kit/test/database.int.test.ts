import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { withDatabase } from '@meridian/testkit/postgres/test-database.ts';
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import pg from 'pg';
import type { Database } from '../src/db/database.ts';
import { assertMigrated, migrate, pendingMigrations } from '../src/db/migrate.ts';
import type { KitSchema } from '../src/db/schema.ts';
import { openServiceDatabase, silent } from './service-database.ts';

describe('database', () => {
  let opened: Awaited<ReturnType<typeof openServiceDatabase>>;
  let db: Database<KitSchema>;
  beforeAll(async () => {
    opened = await openServiceDatabase();
    db = opened.db;
    await sql`create table counter (id int primary key, value bigint not null)`.execute(db.read);
    await sql`insert into counter values (1, 0), (2, 0)`.execute(db.read);
  });
  afterAll(() => opened?.close());

  const counterOf = async (id: number) =>
    (await sql<{ value: bigint }>`select value from counter where id = ${id}`.execute(db.read)).rows[0]?.value;

  test('int8 arrives as bigint and dates as text, while pg itself stays as it was', async () => {
    const { rows } = await sql`select 9007199254740993::int8 as big, array[1, null, 9007199254740993]::int8[] as list,
      date '2026-01-31' as day, 1.50::numeric as exact, 7::int4 as small`.execute(db.read);
    expect(rows[0]).toEqual({
      big: 9007199254740993n,
      list: [1n, null, 9007199254740993n],
      day: '2026-01-31',
      exact: '1.50',
      small: 7,
    });
    expect(pg.types.getTypeParser(20)('7')).toBe('7');
  });

  test('a query that misses its transaction is refused, and the transaction is rolled back', async () => {
    const around = (work: () => Promise<unknown>) =>
      db.transaction(async (tx) => {
        await sql`update counter set value = 99 where id = 1`.execute(tx);
        await work();
      });
    const kept = db.read;
    await expect(around(async () => db.read)).rejects.toMatchObject({ code: 'nested_transaction' });
    await expect(around(() => sql`select 1`.execute(kept))).rejects.toMatchObject({ code: 'nested_transaction' });
    await expect(around(() => db.transaction(async () => undefined))).rejects.toMatchObject({
      code: 'nested_transaction',
    });
    expect(await counterOf(1)).toBe(0n);
  });

  test('work that a transaction left running may query once the transaction is over', async () => {
    let later: Promise<unknown> = Promise.resolve();
    await db.transaction(async () => {
      later = new Promise((resolve) => setTimeout(resolve, 50)).then(() => sql`select 1`.execute(db.read));
    });
    await expect(later).resolves.toBeDefined();
  });

  test('a deadlock is retried until both transactions are through', async () => {
    let met = 0;
    let meet = () => {};
    const both = new Promise<void>((resolve) => {
      meet = resolve;
    });
    const bump = (first: number, second: number) =>
      db.transaction(async (tx) => {
        await sql`update counter set value = value + 1 where id = ${first}`.execute(tx);
        met += 1;
        if (met === 2) meet();
        await both;
        await sql`update counter set value = value + 1 where id = ${second}`.execute(tx);
      });
    await Promise.all([bump(1, 2), bump(2, 1)]);
    expect(met).toBe(3);
    expect([await counterOf(1), await counterOf(2)]).toEqual([2n, 2n]);
    await sql`update counter set value = 0`.execute(db.read);
  });

  test('serializable transactions that collide are retried: no update is lost', async () => {
    const increment = () =>
      db.transaction(
        async (tx) => {
          const { rows } = await sql<{ value: bigint }>`select value from counter where id = 1`.execute(tx);
          await sql`update counter set value = ${(rows[0]?.value ?? 0n) + 1n} where id = 1`.execute(tx);
        },
        { isolation: 'serializable' },
      );
    await Promise.all([increment(), increment(), increment()]);
    expect(await counterOf(1)).toBe(3n);
  });

  test('a lost connection fails its transaction, is not fatal, and listeners hear of commits only', async () => {
    let commits = 0;
    const forget = db.onCommit(() => {
      commits += 1;
    });
    const kill = async (tx: Parameters<Parameters<typeof db.transaction>[0]>[0]) => {
      await sql`select pg_terminate_backend(pg_backend_pid())`.execute(tx);
    };
    await expect(db.transaction(kill)).rejects.toThrow();
    expect(commits).toBe(0);
    await db.transaction((tx) => sql`select 1`.execute(tx));
    expect(commits).toBe(1);
    forget();
    await db.transaction((tx) => sql`select 1`.execute(tx));
    expect(commits).toBe(1);
  });
});

describe('migrate', () => {
  const creating = (table: string): Migration => ({
    up: async (db: Kysely<unknown>) => {
      await sql.raw(`create table ${table} (id int)`).execute(db);
    },
  });
  const tables = async (url: string) => {
    const client = new pg.Client(url);
    await client.connect();
    const { rows } = await client.query<{ name: string }>(
      "select table_name as name from information_schema.tables where table_schema = 'public'",
    );
    await client.end();
    return rows.map((row) => row.name);
  };

  test('runs kit and service migrations once, also when several processes start together', () =>
    withDatabase({}, async (url) => {
      const migrations = { '0001-one': creating('one') };
      expect(await pendingMigrations({ url, migrations })).toContain('service/0001-one');
      await Promise.all([1, 2, 3].map(() => migrate({ url, migrations, log: silent })));
      await migrate({ url, migrations: { ...migrations, '0002-two': creating('two') }, log: silent });
      expect(await tables(url)).toEqual(expect.arrayContaining(['outbox', 'inbox', 'account_fence', 'one', 'two']));
      expect(await pendingMigrations({ url, migrations })).toEqual([]);
    }));

  test('is all or nothing', () =>
    withDatabase({}, async (url) => {
      await expect(
        migrate({ url, migrations: { '0001-one': creating('one'), '0002-bad': creating('one') }, log: silent }),
      ).rejects.toMatchObject({ code: '42P07' });
      expect(await tables(url)).not.toEqual(expect.arrayContaining(['one']));
    }));

  test('says clearly that the database is newer than the code', () =>
    withDatabase({}, async (url) => {
      await migrate({ url, migrations: { '0001-one': creating('one'), '0002-two': creating('two') }, log: silent });
      const old = { url, migrations: { '0001-one': creating('one') }, log: silent };
      await expect(migrate(old)).rejects.toMatchObject({
        code: 'database_newer',
        message: expect.stringContaining('0002-two'),
      });
    }));

  test('says clearly that a migration ran there with another text, and changes nothing', () =>
    withDatabase({}, async (url) => {
      const migrations = { '0001-one': creating('one') };
      const edited = { '0001-one': creating('other'), '0002-two': creating('two') };
      await migrate({ url, migrations, log: silent });
      const refusal = {
        code: 'database_of_other_text',
        message: expect.stringMatching(/"service\/0001-one" was another.*npm start -- --reset/),
      };
      await expect(migrate({ url, migrations: edited, log: silent })).rejects.toMatchObject(refusal);
      const { '0001-one': first } = edited;
      await expect(
        assertMigrated({ url, migrations: { '0001-one': first }, service: 'billing' }),
      ).rejects.toMatchObject(refusal);
      expect(await tables(url)).not.toEqual(expect.arrayContaining(['two']));
      await expect(assertMigrated({ url, migrations, service: 'billing' })).resolves.toBeUndefined();
    }));

  test('a database from before texts were kept is one of another text', () =>
    withDatabase({}, async (url) => {
      const options = { url, migrations: { '0001-one': creating('one') }, log: silent };
      await migrate(options);
      const client = new pg.Client(url);
      await client.connect();
      await client.query('drop table migration_digest');
      await client.end();
      await expect(migrate(options)).rejects.toMatchObject({ code: 'database_of_other_text' });
    }));

  test('refuses a name without an order', async () => {
    expect(() =>
      migrate({ url: 'postgres://nowhere/none', migrations: { one: creating('one') }, log: silent }),
    ).toThrow('0001-what-it-does');
  });
});
