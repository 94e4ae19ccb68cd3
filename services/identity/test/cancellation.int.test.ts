import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { cancelAccount, createSession, getAccount, refreshSession, setPassword } from '@meridian/contracts/identity.ts';
import { cancelling } from './support/cancelling.ts';
import { someoneWaits } from './support/lock-wait.ts';
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
  const { preview, prepare, cancel, status, typesOf } = cancelling(() => stand);

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

  const refreshed = async (person: Person): Promise<Person> => {
    const { body } = await stand.ask(refreshSession, { body: { refreshToken: person.refreshToken } });
    return { ...person, ...body, refreshToken: body.refreshToken ?? '' };
  };

  test('for a day after a change of credentials it is refused and says until when; what the account began with is no change', async () => {
    const person = await newPerson();
    await stand.ask(setPassword, { token: person.accessToken, body: { password: 'a password of my own' } });
    const changed = stand.now().getTime();
    const refused = (await problemOf(cancel(person))) as unknown as { problem: { until: string } };
    expect(refused).toMatchObject({ code: 'account_restricted', status: 403 });
    expect(Math.abs(Date.parse(refused.problem.until) - changed - 24 * 3_600_000)).toBeLessThan(60_000);
    stand.moveClock(24 * 3_600_000);
    expect((await cancel(await refreshed(person))).status).toBe(200);
  });

  test('while a recovery restricts the account it is refused and says until when', async () => {
    const person = await newPerson();
    const until = new Date(stand.now().getTime() + 30 * 3_600_000);
    await stand.pool.query('update account set restricted_until = $2 where id = $1', [person.accountId, until]);
    expect(await problemOf(cancel(person))).toMatchObject({
      code: 'account_restricted',
      status: 403,
      problem: { until: until.toISOString() },
    });
    stand.moveClock(30 * 3_600_000);
    expect((await cancel(await refreshed(person))).status).toBe(200);
  });

  test('credentials that change while a cancellation is under way hold it off', async () => {
    const person = await newPerson();
    const prepared = await prepare(person);
    const client = await stand.pool.connect();
    try {
      await client.query('begin');
      await client.query('select 1 from account where id = $1 for update', [person.accountId]);
      const cancelling = problemOf(stand.ask(cancelAccount, prepared));
      await waitFor('the cancellation to wait for the account', async () => {
        const { rows } = await stand.pool.query(
          "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
        return rows.length > 0;
      });
      await client.query("insert into security_log (at, kind, account_id) values ($2, 'contact_added', $1)", [
        person.accountId,
        stand.now(),
      ]);
      await client.query('commit');
      expect(await cancelling).toMatchObject({ code: 'account_restricted' });
    } finally {
      client.release();
    }
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
      await someoneWaits(stand);
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

  test('nobody reads a receipt without its token', async () => {
    expect(await problemOf(status(`rct_cn_${'A'.repeat(43)}`))).toMatchObject({ code: 'not_found', status: 404 });
    expect(await problemOf(status(`rct_global_${'A'.repeat(43)}`))).toMatchObject({
      code: 'region_mismatch',
      status: 421,
    });
  });

  test('the security log can only be added to', async () => {
    await newPerson();
    for (const statement of ['update security_log set kind = kind', 'delete from security_log'])
      await expect(stand.pool.query(statement)).rejects.toMatchObject({ code: 'MI001' });
  });
});
