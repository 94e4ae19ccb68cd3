import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { accountErased } from '@meridian/contracts/events/lifecycle.ts';
import {
  cancelAccount,
  cancellationPreview,
  createSession,
  getAccount,
  getCancellation,
  refreshSession,
} from '@meridian/contracts/identity.ts';
import { createDatabase } from '@meridian/kit/db/database.ts';
import { newId } from '@meridian/kit/ids.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { personalTables, sweepLeftovers } from '../src/cancellation/personal-tables.ts';
import type { IdentitySchema } from '../src/db/schema.ts';
import { others } from './support/participants.ts';
import { problemOf, type Stand, startStand, waitFor } from './support/stand.ts';

describe('cancellation', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await startStand({ region: 'cn' });
  }, 60_000);
  afterAll(() => stand?.stop());
  beforeEach(() => {
    stand.participants.down.clear();
    stand.participants.fenced.length = 0;
    stand.participants.balance.available = '0';
  });

  type Person = Awaited<ReturnType<Stand['signIn']>>;
  const newPerson = () => stand.signIn(stand.identifiers.phone());
  const preview = async (person: Person) => (await stand.ask(cancellationPreview, { token: person.accessToken })).body;
  /** An answer as kit keeps it for a repeated request. */
  const keepAnswer = (accountId: string) =>
    stand.pool.query(
      `insert into idempotency_key (scope, key, request_hash, state, status, body, expires_at)
       values ($1, 'k', 'h', 'done', 201, 'sealed', now() + interval '1 day')`,
      [`user:${accountId}`],
    );
  /** Everything a cancellation needs, and the call itself. */
  const prepare = async (person: Person) => {
    stand.moveClock(61_000);
    const code = await stand.codeFor(person.identifier, 'reauthenticate');
    const { consequencesVersion } = await preview(person);
    return { body: { ...code, consequencesVersion }, token: person.accessToken };
  };
  const cancel = async (person: Person) => stand.ask(cancelAccount, await prepare(person));
  const status = async (receiptToken: string) => (await stand.ask(getCancellation, { body: { receiptToken } })).body;
  const answerErasure = async (sagaId: string, accountId: string, except?: string) => {
    for (const service of others.filter((name) => name !== except))
      await stand.publishAs(service, accountErased, accountId, {
        sagaId,
        service,
        erased: { rows: 3 },
        retained:
          service === 'billing'
            ? [{ class: 'payments', count: 2, basis: 'E-Commerce Law, article 31', until: '2029-12-31' }]
            : [],
      });
  };
  const typesOf = async (accountId: string) => (await stand.published(accountId)).map((event) => event.type);

  test('the preview tells what would be lost, and its version changes with it', async () => {
    const person = await newPerson();
    stand.participants.balance.available = '5000000000';
    const first = await preview(person);
    expect(first).toMatchObject({
      balance: { available: '5000000000', currency: 'CNY' },
      activeKeys: 2,
      openCase: false,
    });
    expect(first.consequences.map((c) => c.code)).toContain('balance_is_lost');
    stand.participants.balance.available = '5000000001';
    expect((await preview(person)).consequencesVersion).not.toBe(first.consequencesVersion);
  });

  test('with every fence acknowledged it answers 200 cancelled; nothing of the account works any more', async () => {
    const person = await newPerson();
    const { status: answered, body } = await cancel(person);
    expect(answered).toBe(200);
    expect(body.cancellation).toMatchObject({ accountId: person.accountId, status: 'cancelled', erasedAt: null });
    expect(body.cancellation.steps.map((s) => s.service).sort()).toEqual([
      'billing',
      'identity',
      'key-issuance',
      'moderation',
      'verification',
    ]);
    expect(body.cancellation.steps.every((s) => s.fenced)).toBe(true);
    expect(stand.participants.fenced.map((f) => f.service).sort()).toEqual([...others].sort());
    expect(await problemOf(stand.ask(getAccount, { token: person.accessToken }))).toMatchObject({
      code: 'account_cancelled',
      status: 403,
    });
    expect(await problemOf(stand.ask(refreshSession, { body: { refreshToken: person.refreshToken } }))).toMatchObject({
      code: 'refresh_invalid',
    });
    stand.moveClock(61_000);
    const code = await stand.codeFor(person.identifier);
    const signIn = stand.ask(createSession, {
      body: { ...code, identifier: person.identifier, termsVersion: stand.termsVersion },
    });
    expect(await problemOf(signIn)).toMatchObject({ code: 'account_cancelled', status: 403 });
    await waitFor('the events', async () => (await typesOf(person.accountId)).length === 3);
    expect(await typesOf(person.accountId)).toEqual([
      'account-registered.v1',
      'account-cancelled.v1',
      'account-erasure-requested.v1',
    ]);
    expect(
      (await stand.published(person.accountId)).slice(1).every((e) => e.data.sagaId === body.cancellation.sagaId),
    ).toBe(true);
  });

  test('it needs a fresh code of this account, made for it, and used once', async () => {
    const person = await newPerson();
    const stranger = await newPerson();
    stand.moveClock(61_000);
    const { consequencesVersion } = await preview(person);
    const attempt = (code: { codeId: string; code: string }) =>
      problemOf(stand.ask(cancelAccount, { body: { ...code, consequencesVersion }, token: person.accessToken }));
    const signInCode = await stand.codeFor(person.identifier);
    expect(await attempt(signInCode)).toMatchObject({ code: 'reauthentication_required', status: 403 });
    expect(await attempt(await stand.codeFor(stranger.identifier, 'reauthenticate'))).toMatchObject({
      code: 'reauthentication_required',
    });
    stand.moveClock(61_000);
    const own = await stand.codeFor(person.identifier, 'reauthenticate');
    expect(await attempt({ ...own, code: own.code === '000000' ? '000001' : '000000' })).toMatchObject({
      code: 'code_invalid',
    });
    stand.moveClock(5 * 60_000);
    // The access token has expired with the code: a new session, the old code.
    const again = await stand.signIn(person.identifier);
    expect(
      await problemOf(stand.ask(cancelAccount, { body: { ...own, consequencesVersion }, token: again.accessToken })),
    ).toMatchObject({ code: 'code_invalid' });
    expect((await stand.ask(getAccount, { token: again.accessToken })).body.status).toBe('active');
  });

  test('consequences that have changed must be accepted anew; the same code still serves', async () => {
    const person = await newPerson();
    const prepared = await prepare(person);
    stand.participants.balance.available = '1';
    expect(await problemOf(stand.ask(cancelAccount, prepared))).toMatchObject({
      code: 'consequences_not_accepted',
      status: 422,
    });
    const { consequencesVersion } = await preview(person);
    const { status: answered } = await stand.ask(cancelAccount, {
      ...prepared,
      body: { ...prepared.body, consequencesVersion },
    });
    expect(answered).toBe(200);
  });

  test('of several requests at once one cancels', async () => {
    const person = await newPerson();
    const prepared = await prepare(person);
    const outcomes = await Promise.allSettled(Array.from({ length: 4 }, () => stand.ask(cancelAccount, prepared)));
    expect(outcomes.filter((o) => o.status === 'fulfilled')).toHaveLength(1);
    const { rows } = await stand.pool.query('select count(*)::int as n from cancellation where account_id = $1', [
      person.accountId,
    ]);
    expect(rows).toEqual([{ n: 1 }]);
  });

  test('a participant that is down makes it 202; the sweeper completes it when it is back', async () => {
    const person = await newPerson();
    const prepared = await prepare(person);
    stand.participants.down.add('verification');
    const { status: answered, body } = await stand.ask(cancelAccount, prepared);
    expect(answered).toBe(202);
    expect(body.cancellation.status).toBe('cancelling');
    expect(body.cancellation.steps.filter((s) => !s.fenced).map((s) => s.service)).toEqual(['verification']);
    expect(await problemOf(stand.ask(getAccount, { token: person.accessToken }))).toMatchObject({
      code: 'account_cancelled',
    });
    expect(await typesOf(person.accountId)).not.toContain('account-erasure-requested.v1');
    stand.participants.down.clear();
    stand.moveClock(7_000);
    await waitFor('the sweeper', async () => (await status(body.receiptToken)).status === 'cancelled');
    await waitFor('the event', async () => (await typesOf(person.accountId)).includes('account-erasure-requested.v1'));
  });

  test('stopped between the fence of identity and the others, it goes on at the next start', async () => {
    const person = await newPerson();
    const prepared = await prepare(person);
    for (const service of others) stand.participants.down.add(service);
    const { body } = await stand.ask(cancelAccount, prepared);
    expect(body.cancellation.steps.filter((s) => s.fenced).map((s) => s.service)).toEqual(['identity']);
    await stand.stopService();
    stand.participants.down.clear();
    await stand.start();
    await waitFor('the sweeper', async () => (await status(body.receiptToken)).status === 'cancelled');
    expect(
      stand.participants.fenced
        .filter((f) => f.accountId === person.accountId)
        .map((f) => f.service)
        .sort(),
    ).toEqual([...others].sort());
    expect(
      (await typesOf(person.accountId)).filter((type) => type === 'account-erasure-requested.v1').length,
    ).toBeLessThanOrEqual(1);
  });

  test('a sign-in that races with the cancellation never leaves a living session', async () => {
    for (let round = 0; round < 3; round += 1) {
      const person = await newPerson();
      const prepared = await prepare(person);
      const login = await stand.codeFor(person.identifier).catch(async () => {
        stand.moveClock(61_000);
        return stand.codeFor(person.identifier);
      });
      const [signedIn] = await Promise.allSettled([
        stand.ask(createSession, {
          body: { ...login, identifier: person.identifier, termsVersion: stand.termsVersion },
        }),
        stand.ask(cancelAccount, prepared),
        stand.ask(refreshSession, { body: { refreshToken: person.refreshToken } }),
      ]);
      const { rows } = await stand.pool.query(
        'select count(*)::int as living from session where account_id = $1 and ended_at is null',
        [person.accountId],
      );
      expect(rows).toEqual([{ living: 0 }]);
      if (signedIn.status === 'fulfilled')
        expect(await problemOf(stand.ask(getAccount, { token: signedIn.value.body.accessToken }))).toMatchObject({
          code: 'account_cancelled',
        });
    }
  });

  test('a sign-in holds off the cancellation until it has committed, and its session ends with the rest', async () => {
    const person = await newPerson();
    const prepared = await prepare(person);
    const client = await stand.pool.connect();
    try {
      await client.query('begin');
      await client.query('select 1 from account where id = $1 for share', [person.accountId]);
      let done = false;
      const cancelling = stand.ask(cancelAccount, prepared).finally(() => {
        done = true;
      });
      await stand.pool.query('select pg_sleep(0.2)');
      expect(done).toBe(false);
      await client.query(
        `insert into session (id, account_id, method, created_at, token_hash, idle_until, expires_at)
         values ('ses_late', $1, 'phone_code', now(), 'late', now() + interval '1 day', now() + interval '1 day')`,
        [person.accountId],
      );
      await client.query('commit');
      expect((await cancelling).status).toBe(200);
      const { rows } = await stand.pool.query("select ended_reason from session where id = 'ses_late'");
      expect(rows).toEqual([{ ended_reason: 'cancelled' }]);
    } finally {
      client.release();
    }
  });

  test('when all others have erased, identity erases its own, keeps the receipt, and the number is free for a new account', async () => {
    const person = await newPerson();
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
    ]);
    await waitFor('the event', async () => (await typesOf(person.accountId)).includes('account-erased.v1'));

    for (const { table, column, prefix = '', fate } of personalTables.filter((t) => t.fate === 'erased')) {
      const { rows } = await stand.pool.query(`select count(*)::int as n from ${table} where ${column} = $1`, [
        `${prefix}${person.accountId}`,
      ]);
      expect({ table, fate, left: rows[0]?.n }).toEqual({ table, fate, left: 0 });
    }
    const { rows: codes } = await stand.pool.query('select count(*)::int as n from code where identifier_hash = $1', [
      indexes[0]?.blind_index,
    ]);
    expect(codes).toEqual([{ n: 0 }]);
    const { rows: saga } = await stand.pool.query('select account_id, subject from cancellation where saga_id = $1', [
      sagaId,
    ]);
    expect(saga).toEqual([{ account_id: null, subject: expect.stringMatching(/^sub_/) }]);
    const { rows: tombstones } = await stand.pool.query('select saga_id from account_tombstone where account_id = $1', [
      person.accountId,
    ]);
    expect(tombstones).toEqual([{ saga_id: sagaId }]);
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

  test('nobody reads a receipt without its token', async () => {
    expect(await problemOf(status(`rct_cn_${'A'.repeat(43)}`))).toMatchObject({ code: 'not_found', status: 404 });
  });

  test('every table with an account column is entered in the list that the proof works from', async () => {
    const { rows } = await stand.pool.query<{ table: string }>(
      "select distinct table_name as table from information_schema.columns where table_schema = 'public' and (column_name like '%account_id%' or (table_name = 'account' and column_name = 'id') or (table_name = 'idempotency_key' and column_name = 'scope')) order by 1",
    );
    const tables = rows.map((row) => row.table);
    expect(tables).toEqual(personalTables.map((t) => t.table).sort());
    expect(personalTables.filter((t) => t.fate === 'kept').every((t) => (t.why ?? '') !== '')).toBe(true);
  });

  test('the security log can only be added to', async () => {
    await newPerson();
    for (const statement of ['update security_log set kind = kind', 'delete from security_log'])
      await expect(stand.pool.query(statement)).rejects.toMatchObject({ code: 'MI001' });
  });
});
