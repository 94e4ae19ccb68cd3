// The database's host vanishes without a word: connections stay open and carry nothing any more, and a new primary is at the same address.
import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { withCleanup } from '@meridian/testkit/cleanup.ts';
import { createTestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import { startTcpProxy } from '@meridian/testkit/tcp-proxy.ts';
import { sql } from 'kysely';
import pg from 'pg';
import { createDatabase } from '../src/db/database.ts';
import type { KitSchema } from '../src/db/schema.ts';
import { refusalOf } from '../src/http/errors.ts';
import { isTransient } from '../src/transient.ts';
import { silent } from './service-database.ts';

const poolSize = 2;

test('a connection that fell silent fails one query or transaction, for now; the next one gets a new connection', () =>
  withCleanup(async (defer) => {
    const { url, drop } = await createTestDatabase();
    defer(drop);
    const { host, port, user, password, database } = new pg.Client(url);
    const target = host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port };
    const proxy = await startTcpProxy({ target });
    defer(proxy.close);
    const db = createDatabase<KitSchema>({
      url: `postgres://${user}:${password}@127.0.0.1:${proxy.port}/${database}`,
      poolSize,
      log: silent,
      applicationName: 'test',
      statementTimeoutMs: 500,
    });
    defer(db.close);
    const session = db.dedicated('session');
    session.on('error', () => undefined); // its query fails with the same error
    await session.connect();
    defer(() => session.end());

    const one = () => sql`select 1`.execute(db.read);
    const inTransaction = () => db.transaction((tx) => sql`select 1`.execute(tx));
    /** A transaction during whose work the database falls silent: at the next statement, or at the commit. */
    const interrupted = (statementsAfter: number) =>
      db.transaction(async (tx) => {
        await sql`select 1`.execute(tx);
        proxy.silence();
        for (let i = 0; i < statementsAfter; i += 1) await sql`select 1`.execute(tx);
      });
    await Promise.all([one(), inTransaction()]);
    proxy.silence();
    const ended = once(session, 'end');
    const lost = await Promise.allSettled([one(), inTransaction(), session.query('select 1')]);
    for (const result of lost)
      expect(result).toMatchObject({ status: 'rejected', reason: { message: 'Query read timeout' } });
    await ended;
    expect(await Promise.all(Array.from({ length: poolSize }, one))).toHaveLength(poolSize);
    await inTransaction();

    for (const statementsAfter of [1, 0]) {
      const error = await interrupted(statementsAfter).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ message: 'Query read timeout' });
      expect(isTransient(error)).toBe(true);
      expect(refusalOf(error)).toMatchObject({ code: 'unavailable', definition: { status: 503 } });
    }
    await inTransaction();
  }));
