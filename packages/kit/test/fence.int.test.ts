import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { envelope } from '@meridian/contracts/event.ts';
import { sql } from 'kysely';
import { eraseOnRequest } from '../src/account/erasure.ts';
import { assertNotFenced, fenceAccount } from '../src/account/fence.ts';
import { findTombstone } from '../src/account/tombstone.ts';
import type { Database } from '../src/db/database.ts';
import type { KitSchema } from '../src/db/schema.ts';
import { newId } from '../src/ids.ts';
import { openServiceDatabase } from './service-database.ts';

const now = () => new Date();
const newAccount = () => newId('acc', 'cn', now());
const sagaId = newId('sag', 'cn', now());

describe('the fence of an account', () => {
  let opened: Awaited<ReturnType<typeof openServiceDatabase>>;
  let db: Database<KitSchema>;
  beforeAll(async () => {
    opened = await openServiceDatabase(60);
    db = opened.db;
    await sql`create table written (account_id text not null, at timestamptz not null)`.execute(db.read);
    // The pool makes its connections now, and not all of them in the middle of a test.
    for (let opened = 0; opened < 60; opened += 10)
      await Promise.all(Array.from({ length: opened + 10 }, () => sql`select pg_sleep(0.2)`.execute(db.read)));
  });
  afterAll(() => opened?.close());

  const write = (accountId: string, between: () => Promise<void> = async () => undefined) =>
    db.transaction(async (tx) => {
      await assertNotFenced(tx, accountId);
      await between();
      await sql`insert into written values (${accountId}, clock_timestamp())`.execute(tx);
    });
  const fence = (accountId: string) => db.transaction((tx) => fenceAccount(tx, { accountId, sagaId, now: now() }));
  const countOf = async (accountId: string) =>
    Number(
      (await sql<{ n: bigint }>`select count(*) as n from written where account_id = ${accountId}`.execute(db.read))
        .rows[0]?.n,
    );

  test('lets a writer that passed it finish before it is acknowledged, and refuses the next', async () => {
    const accountId = newAccount();
    let proceed = () => {};
    const gate = new Promise<void>((resolve) => {
      proceed = resolve;
    });
    let passed = () => {};
    const inside = new Promise<void>((resolve) => {
      passed = resolve;
    });
    const writer = write(accountId, () => {
      passed();
      return gate;
    });
    await inside;
    let acknowledged = false;
    const fencing = fence(accountId).then(() => {
      acknowledged = true;
    });
    // The fence is waiting for the writer's lock, and a writer that comes now waits behind the fence.
    for (;;) {
      const { rows } = await sql`select 1 from pg_locks where locktype = 'advisory' and not granted
        and database = (select oid from pg_database where datname = current_database())`.execute(db.read);
      if (rows.length > 0) break;
    }
    const late = write(accountId);
    expect(acknowledged).toBe(false);
    proceed();
    await writer;
    await fencing;
    await expect(late).rejects.toMatchObject({ code: 'account_cancelled', definition: { status: 403 } });
    expect(await countOf(accountId)).toBe(1);
  });

  test('holds against 50 writers at once: nothing is written after the acknowledgement', async () => {
    const accountId = newAccount();
    const other = newAccount();
    let acknowledgedCount = -1;
    const outcomes = await Promise.all([
      ...Array.from({ length: 50 }, async (_, i) => {
        await new Promise((resolve) => setTimeout(resolve, i % 10));
        return write(accountId).then(
          () => 'written',
          (error: { code?: string }) => error.code,
        );
      }),
      (async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        await fence(accountId);
        acknowledgedCount = await countOf(accountId);
        return 'fenced';
      })(),
    ]);
    const written = outcomes.filter((outcome) => outcome === 'written').length;
    expect(outcomes.filter((outcome) => outcome === 'account_cancelled')).toHaveLength(50 - written);
    expect(await countOf(accountId)).toBe(written);
    // What was there when the fence was acknowledged is all there ever is.
    expect(acknowledgedCount).toBe(written);
    await expect(write(other)).resolves.toBeUndefined();
  });

  test('is idempotent, and cannot be checked from an old snapshot', async () => {
    const accountId = newAccount();
    const first = await fence(accountId);
    expect(await fence(accountId)).toEqual(first);
    const strict = db.transaction((tx) => assertNotFenced(tx, newAccount()), { isolation: 'repeatable read' });
    await expect(strict).rejects.toMatchObject({ code: 'MF001' });
  });

  test('erasure leaves a tombstone and answers every request with the same receipt', async () => {
    const accountId = newAccount();
    let erased = 0;
    const receipt = {
      erased: { keys: 2 },
      retained: [{ class: 'payments', count: 1, basis: 'Accounting law', until: '2036-01-01' }],
    };
    const react = eraseOnRequest<KitSchema>(
      { service: 'billing', region: 'cn', now },
      {
        erase: async () => {
          erased += 1;
          return receipt;
        },
      },
    );
    expect(react).toMatchObject({ lifecycle: true, event: { type: 'account-erasure-requested.v1' } });
    const request = { accountId, data: { sagaId }, seq: 1, time: now(), service: 'identity' };
    const ids = [newId('evt', 'cn', now()), newId('evt', 'cn', now())];
    // Answers kept for repeated requests may hold secrets; they go, and are counted.
    const other = newAccount();
    for (const [scope, key] of [
      [`user:${accountId}`, 'a'],
      [`user:${accountId}`, 'b'],
      [`user:${other}`, 'a'],
    ])
      await sql`insert into idempotency_key (scope, key, request_hash, state, status, body, expires_at)
        values (${scope}, ${key}, 'h', 'done', 201, 'sealed', now() + interval '1 day')`.execute(db.read);
    for (const id of ids) await db.transaction((tx) => react.react(tx, { ...request, id }));
    expect(erased).toBe(1);
    const told = { ...receipt, erased: { ...receipt.erased, idempotency_keys: 2 } };
    expect(await db.transaction((tx) => findTombstone(tx, accountId))).toMatchObject({ sagaId, receipt: told });
    const { rows: kept } = await sql`select scope from idempotency_key`.execute(db.read);
    expect(kept).toEqual([{ scope: `user:${other}` }]);
    await expect(write(accountId)).rejects.toMatchObject({ code: 'account_cancelled' });
    const { rows } = await sql<{
      payload: string;
    }>`select payload from outbox where account_id = ${accountId} order by id`.execute(db.read);
    const answers = rows.map((row) => envelope.parse(JSON.parse(row.payload)));
    expect(answers.map(({ type, causationid, accountseq, data }) => ({ type, causationid, accountseq, data }))).toEqual(
      ids.map((id, i) => ({
        type: 'account-erased.v1',
        causationid: id,
        accountseq: i + 1,
        data: { sagaId, service: 'billing', ...told },
      })),
    );
  });
});
