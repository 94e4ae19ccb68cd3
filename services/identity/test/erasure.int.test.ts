import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { accountErased } from '@meridian/contracts/events/lifecycle.ts';
import { getAccount } from '@meridian/contracts/identity.ts';
import { endAccountSessions } from '@meridian/contracts/identity-staff.ts';
import { createDatabase } from '@meridian/kit/db/database.ts';
import { newId } from '@meridian/kit/ids.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { personalTables, sweepLeftovers } from '../src/cancellation/personal-tables.ts';
import type { IdentitySchema } from '../src/db/schema.ts';
import { cancelling } from './support/cancelling.ts';
import { problemOf, type Stand, startStand, waitFor } from './support/stand.ts';

describe('erasure', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await startStand({ region: 'cn' });
  }, 60_000);
  afterAll(() => stand?.stop());

  const newPerson = () => stand.signIn(stand.identifiers.phone());
  const { cancel, status, answerErasure, typesOf } = cancelling(() => stand);
  /** An answer as kit keeps it for a repeated request. */
  const keepAnswer = (accountId: string) =>
    stand.pool.query(
      `insert into idempotency_key (scope, key, request_hash, state, status, body, expires_at)
       values ($1, 'k', 'h', 'done', 201, 'sealed', now() + interval '1 day')`,
      [`user:${accountId}`],
    );

  /** Tables of which a row holds this id, in whatever column. */
  const tablesNaming = async (id: string): Promise<string[]> => {
    const { rows } = await stand.pool.query<{ name: string }>(
      "select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'",
    );
    const found = await Promise.all(
      rows.map(({ name }) => stand.pool.query(`select 1 from ${name} t where t::text like $1 limit 1`, [`%${id}%`])),
    );
    return rows.filter((_, i) => found[i]?.rowCount === 1).map(({ name }) => name);
  };

  test('when all others have erased, identity erases its own, keeps the receipt, and the number is free for a new account', async () => {
    const { accountId, identifier } = await newPerson();
    const token = await stand.staffToken(['support']);
    await stand.ask(endAccountSessions, { token, body: { accountId, reason: 'the phone was stolen' } });
    stand.moveClock(61_000);
    const person = await stand.signIn(identifier);
    const { body } = await cancel(person);
    const { sagaId } = body.cancellation;
    const { rows: indexes } = await stand.pool.query<{ blind_index: string }>(
      'select blind_index from contact where account_id = $1',
      [person.accountId],
    );

    await keepAnswer(person.accountId);
    await answerErasure(sagaId, person.accountId, 'moderation');
    await waitFor(
      'three answers',
      async () => (await status(body.receiptToken)).steps.filter((s) => s.erased !== null).length === 3,
    );
    expect((await status(body.receiptToken)).status).toBe('cancelled');
    await stand.publishAs('moderation', accountErased, person.accountId, {
      sagaId,
      service: 'moderation',
      erased: { cases: 1 },
      retained: [],
    });
    const receipt = await waitFor('the erasure', async () => {
      const found = await status(body.receiptToken);
      return found.status === 'erased' && found;
    });
    const step = (service: string) => receipt.steps.find((s) => s.service === service);
    expect(receipt.accountId).toBe(person.accountId);
    expect(step('billing')?.retained).toEqual([
      { class: 'payments', count: 2, basis: 'E-Commerce Law, article 31', until: '2029-12-31' },
    ]);
    expect(step('identity')?.erased).toMatchObject({ accounts: 1, contacts: 1, encryption_keys: 1, consents: 1 });
    expect(step('identity')?.erased).toMatchObject({ idempotency_keys: 1 });
    expect(step('identity')?.retained).toMatchObject([
      { class: 'security_log', basis: expect.stringContaining('Cybersecurity Law') },
      { class: 'staff_audit', count: 1, basis: expect.stringContaining('Cybersecurity Law') },
    ]);
    await waitFor('the event', async () => (await typesOf(person.accountId)).includes('account-erased.v1'));

    for (const { table, column, prefix = '', fate } of personalTables.filter((t) => t.fate === 'erased')) {
      const { rows } = await stand.pool.query(`select count(*)::int as n from ${table} where ${column} = $1`, [
        `${prefix}${person.accountId}`,
      ]);
      expect({ table, fate, left: rows[0]?.n }).toEqual({ table, fate, left: 0 });
    }
    // Under whatever name a column goes: the account is named in tables that say so, and in no other.
    const kept = personalTables.filter((t) => t.fate === 'kept').map((t) => t.table);
    const naming = await tablesNaming(accountId);
    expect(naming).toContain('staff_audit');
    expect(naming.filter((table) => !kept.includes(table))).toEqual([]);
    const { rows: codes } = await stand.pool.query('select count(*)::int as n from code where identifier_hash = $1', [
      indexes[0]?.blind_index,
    ]);
    expect(codes).toEqual([{ n: 0 }]);
    const { rows: saga } = await stand.pool.query('select account_id, subject from cancellation where saga_id = $1', [
      sagaId,
    ]);
    expect(saga).toEqual([{ account_id: null, subject: expect.stringMatching(/^sub_/) }]);
    // Nothing in the tombstone, which names the account, is in the receipt, too.
    const { rows: tombstones } = await stand.pool.query(
      `select receipt, erased_at = date_trunc('day', erased_at, 'UTC') as "toTheDay",
         exists (select from cancellation c where c.saga_id = t.saga_id) as "leadsToReceipt"
       from account_tombstone t where account_id = $1`,
      [person.accountId],
    );
    expect(tombstones).toEqual([{ receipt: { erased: {}, retained: [] }, toTheDay: true, leadsToReceipt: false }]);
    expect(await problemOf(stand.ask(getAccount, { token: person.accessToken }))).toMatchObject({
      code: 'account_cancelled',
    });

    stand.moveClock(61_000);
    const anew = await stand.signIn(person.identifier);
    expect(anew.created).toBe(true);
    expect(anew.accountId).not.toBe(person.accountId);
    // A repeated answer changes neither the receipt nor the new account.
    await answerErasure(sagaId, person.accountId);
    await answerErasure(sagaId, anew.accountId);
    await waitFor('the repeated answers', async () => {
      const { rows } = await stand.pool.query<{ n: number }>(
        "select count(*)::int as n from inbox where consumer = 'identity'",
      );
      return (rows[0]?.n ?? 0) >= 12;
    });
    expect(await status(body.receiptToken)).toEqual(receipt);
    expect((await stand.ask(getAccount, { token: anew.accessToken })).body.status).toBe('active');
  });

  test('answers that arrive while identity is stopped are taken up at its next start', async () => {
    const person = await newPerson();
    const { body } = await cancel(person);
    await stand.stopService();
    await answerErasure(body.cancellation.sagaId, person.accountId);
    await stand.start();
    await waitFor('the erasure', async () => (await status(body.receiptToken)).status === 'erased');
    await waitFor('the event', async () => (await typesOf(person.accountId)).includes('account-erased.v1'));
    expect(await typesOf(person.accountId)).toEqual([
      'account-registered.v1',
      'account-cancelled.v1',
      'account-erasure-requested.v1',
      'account-erased.v1',
    ]);
  });

  test('the proof finds nothing after an erasure, and finds what is planted', async () => {
    const person = await newPerson();
    const { body } = await cancel(person);
    await answerErasure(body.cancellation.sagaId, person.accountId);
    await waitFor('the erasure', async () => (await status(body.receiptToken)).status === 'erased');
    const log = createLog({ service: 'test', region: 'cn', level: 'silent' });
    const db = createDatabase<IdentitySchema>({
      url: String(stand.env.DATABASE_URL),
      poolSize: 1,
      log,
      applicationName: 'test',
    });
    try {
      expect(await sweepLeftovers(db.read)).toEqual({});
      await stand.pool.query("insert into account (id, status, created_at) values ($1, 'active', now())", [
        person.accountId,
      ]);
      await keepAnswer(person.accountId);
      await keepAnswer(newId('acc', 'cn', new Date()));
      expect(await sweepLeftovers(db.read)).toEqual({ account: 1, idempotency_key: 1 });
    } finally {
      await stand.pool.query('delete from account where id = $1', [person.accountId]);
      await stand.pool.query('delete from idempotency_key');
      await db.close();
    }
  });

  test('a service speaks for itself only', async () => {
    const person = await newPerson();
    const { body } = await cancel(person);
    const { sagaId } = body.cancellation;
    await stand.publishAs('billing', accountErased, person.accountId, {
      sagaId,
      service: 'moderation',
      erased: { rows: 1 },
      retained: [],
    });
    await stand.publishAs('billing', accountErased, person.accountId, {
      sagaId,
      service: 'billing',
      erased: { rows: 1 },
      retained: [],
    });
    await waitFor('the honest answer', async () =>
      (await status(body.receiptToken)).steps.some((s) => s.service === 'billing' && s.erased !== null),
    );
    expect((await status(body.receiptToken)).steps.find((s) => s.service === 'moderation')?.erased).toBeNull();
  });

  test('every table with an account column is entered in the list that the proof works from', async () => {
    const { rows } = await stand.pool.query<{ table: string }>(
      "select distinct table_name as table from information_schema.columns where table_schema = 'public' and (column_name like '%account_id%' or (table_name = 'account' and column_name = 'id') or (table_name = 'idempotency_key' and column_name = 'scope') or (table_name = 'staff_audit' and column_name = 'subject')) order by 1",
    );
    const tables = rows.map((row) => row.table);
    expect(tables).toEqual(personalTables.map((t) => t.table).sort());
    expect(personalTables.filter((t) => t.fate === 'kept').every((t) => (t.why ?? '') !== '')).toBe(true);
  });
});
