// What strangers could make the region pay for, or fill: messages, logs, devices. And terms that change.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  createSession,
  endAllSessions,
  type Identifier,
  listSecurityLog,
  sendContactCode,
  setPassword,
  signInByPassword,
} from '@meridian/contracts/identity.ts';
import { unheardAlarms } from '@meridian/testkit/service/unheard-alarms.ts';
import { configureSenders } from '../src/codes/senders.ts';
import { claimNotice } from '../src/notices/notice.store.ts';
import { deleteExpiredLogs } from '../src/security-log/security-log.store.ts';
import { withOwnDatabase } from './support/own-database.ts';
import { problemOf, type Stand, startStand, waitFor } from './support/stand.ts';

describe('costs and limits', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await startStand({ region: 'cn' });
  });
  afterAll(() => stand?.stop());

  const password = 'correct horse battery';
  const withPassword = async () => {
    const person = await stand.signIn(stand.identifiers.phone());
    await stand.ask(setPassword, { token: person.accessToken, body: { password } });
    return person;
  };
  const byPassword = (identifier: Identifier, deviceId: string) =>
    stand.ask(signInByPassword, { body: { identifier, password, deviceId } });
  const device = (n: number) => `device-number-${String(n).padStart(6, '0')}`;
  const metrics = async () => (await fetch(`${stand.urls().internalUrl}/metrics`)).text();
  const metric = async (name: string) => Number(new RegExp(`^${name} (\\d+)`, 'm').exec(await metrics())?.[1] ?? 0);

  test('every alarm of identity, and of events, is watched by a rule, from the start', async () => {
    const told = await metrics();
    expect([...unheardAlarms(told, 'identity_'), ...unheardAlarms(told, 'events_')]).toEqual([]);
  });

  test('made-up devices cost three messages an hour, and fifty of them are remembered', async () => {
    const { identifier, accountId } = await withPassword();
    for (let n = 0; n < 55; n += 1) await byPassword(identifier, device(n));
    const notices = async () =>
      (await stand.messages(identifier.value)).filter(({ code, text }) => code === null && text.includes('新设备'));
    await waitFor('the notices', async () => (await notices()).length === 3);
    await waitFor('nothing more to leave', async () => {
      const { rowCount } = await stand.pool.query('select 1 from notice where account_id = $1', [accountId]);
      return rowCount === 0;
    });
    expect(await notices()).toHaveLength(3);
    const known = await stand.pool.query('select 1 from known_device where account_id = $1', [accountId]);
    expect(known.rowCount).toBe(50);
  });

  const noticesOf = async (accountId: string) =>
    (await stand.pool.query('select * from notice where account_id = $1', [accountId])).rows as {
      attempts: number;
      next_attempt_at: Date;
    }[];
  /** For minutes: an attempt was made, and is over. */
  const heldBack = async (accountId: string) => {
    const [notice] = await noticesOf(accountId);
    return notice !== undefined && notice.next_attempt_at.getTime() > stand.now().getTime() + 60_000;
  };
  const told = async (identifier: Identifier, what: string) =>
    (await stand.messages(identifier.value)).filter(({ code, text }) => code === null && text.includes(what)).length;
  const toldOfPassword = async () => {
    const person = await withPassword();
    await waitFor('the notice of the password', async () => (await told(person.identifier, '密码')) === 1);
    await waitFor('nothing on its way', async () => (await noticesOf(person.accountId)).length === 0);
    return person;
  };

  test('notices by SMS wait while the spend breaker of the region is out, however long, and it is an alarm', async () => {
    const { identifier, accountId } = await toldOfPassword();
    await stand.pool.query("insert into limit_count values ('total', $1, 100000)", [
      new Date(stand.now().getTime() + 2 * 3_600_000),
    ]);
    await byPassword(identifier, device(1_000));
    for (let asked = 0; asked < 7; asked += 1) {
      await waitFor('it to be held back', () => heldBack(accountId));
      stand.moveClock(601_000);
    }
    expect(await metric('identity_codes_stopped_total')).toBeGreaterThan(0);
    expect(await noticesOf(accountId)).toMatchObject([{ attempts: 0 }]);
    expect(await told(identifier, '新设备')).toBe(0);
    await stand.pool.query("delete from limit_count where scope = 'total'");
    stand.moveClock(601_000);
    await waitFor('the notice', async () => (await told(identifier, '新设备')) === 1);
  });

  test('a notice that waited for days is given up, and it is an error', async () => {
    const { identifier, accountId } = await toldOfPassword();
    await stand.pool.query("insert into limit_count values ('total', $1, 100000)", [
      new Date(stand.now().getTime() + 4 * 86_400_000),
    ]);
    await byPassword(identifier, device(1_001));
    await waitFor('it to be held back', () => heldBack(accountId));
    stand.moveClock(3 * 86_400_000 + 601_000);
    await waitFor('the end of it', async () => (await noticesOf(accountId)).length === 0);
    expect(stand.logged.join('')).toContain('a notice is given up: it waited for too long');
    await stand.pool.query("delete from limit_count where scope = 'total'");
    expect(await told(identifier, '新设备')).toBe(0);
  });

  test('a crash during an attempt costs a minute, not the notice', async () => {
    const person = await stand.signIn(stand.identifiers.phone());
    await stand.control('sms', { answer: { code: 'isv.BUSINESS_LIMIT_CONTROL', times: 4 } });
    await stand.ask(setPassword, { token: person.accessToken, body: { password } });
    for (const failed of [1, 2, 3, 4]) {
      await waitFor(`failure ${failed}`, async () => (await noticesOf(person.accountId))[0]?.attempts === failed);
      if (failed < 4) stand.moveClock(120_000);
    }
    await stand.stopService();
    stand.moveClock(600_000);
    await withOwnDatabase(stand, async (db) => {
      // What a process did that died before it could send.
      expect(await db.transaction((tx) => claimNotice(tx, 'phone', stand.now()))).toMatchObject({
        kind: 'password_changed',
      });
      expect(await db.transaction((tx) => claimNotice(tx, 'phone', stand.now()))).toBeUndefined();
    });
    await stand.start();
    expect(await told(person.identifier, '密码')).toBe(0);
    stand.moveClock(61_000);
    await waitFor('the notice', async () => (await told(person.identifier, '密码')) === 1);
    await waitFor('the end of it', async () => (await noticesOf(person.accountId)).length === 0);
  });

  test('a notice that no provider takes is tried every ten minutes and counts nowhere; it is sent when the outage is over', async () => {
    const person = await stand.signIn(stand.identifiers.phone());
    const counted = async () => (await stand.pool.query('select sum(count)::int as n from limit_count')).rows[0].n;
    const before = await counted();
    await stand.control('sms', { answer: { code: 'isv.BUSINESS_LIMIT_CONTROL', times: 7 } });
    await stand.ask(setPassword, { token: person.accessToken, body: { password } });
    for (const failed of [1, 2, 3, 4, 5, 6, 7]) {
      await waitFor(`failure ${failed}`, async () => (await noticesOf(person.accountId))[0]?.attempts === failed);
      const [notice] = await noticesOf(person.accountId);
      expect(notice?.next_attempt_at.getTime()).toBeLessThanOrEqual(stand.now().getTime() + 600_000);
      stand.moveClock(601_000);
    }
    await waitFor('the notice', async () => (await told(person.identifier, '密码')) === 1);
    await waitFor('nothing on its way', async () => (await noticesOf(person.accountId)).length === 0);
    // What was taken: once against the account's limit, once against the spend breaker.
    expect(await counted()).toBe(before + 2);
  });

  test('an account may have ten codes an hour and twenty a day sent to addresses it wants to add', async () => {
    const identifier = stand.identifiers.phone();
    const sentBeforeRefusal = async () => {
      const { accessToken: token } = await stand.signIn(identifier);
      for (let sent = 0; sent < 12; sent += 1)
        try {
          await stand.ask(sendContactCode, { token, body: { identifier: stand.identifiers.phone() } });
        } catch (error) {
          expect(error).toMatchObject({ code: 'code_limit_reached', status: 429 });
          return sent;
        }
      throw new Error('there is no limit');
    };
    const sent = [];
    for (const hours of [0, 1.01, 1.01, 21.99]) {
      stand.moveClock(hours * 3_600_000);
      sent.push(await sentBeforeRefusal());
    }
    // A day after the first ten there is room for as many.
    expect(sent).toEqual([10, 10, 0, 10]);
  });

  test('wrong passwords of one address meet a limit well below that of its network', async () => {
    const tryFrom = (ip: string) =>
      problemOf(
        stand.ask(signInByPassword, {
          ip,
          body: { identifier: stand.identifiers.phone(), password, deviceId: device(1) },
        }),
      );
    for (let n = 0; n < 20; n += 1) expect(await tryFrom('203.0.113.1')).toMatchObject({ code: 'credentials_invalid' });
    expect(await tryFrom('203.0.113.1')).toMatchObject({ code: 'code_limit_reached', status: 429 });
    expect(await tryFrom('203.0.113.2')).toMatchObject({ code: 'credentials_invalid' });
  });

  test('a code that was never sent leaves no trace; a wrong try at a real one is shown to the owner', async () => {
    const count = async () =>
      (await stand.pool.query("select count(*)::int as n from security_log where kind = 'code_wrong'")).rows[0].n;
    const before = await count();
    const stranger = stand.identifiers.phone();
    const invented = { codeId: `cod_cn_${'0'.repeat(26)}`, code: '123456', identifier: stranger };
    expect(await problemOf(stand.ask(createSession, { body: invented }))).toMatchObject({ code: 'code_invalid' });
    expect(await count()).toBe(before);
    const { identifier, accessToken } = await stand.signIn(stand.identifiers.phone());
    stand.moveClock(61_000);
    const { codeId, code } = await stand.codeFor(identifier);
    const wrong = String((Number(code) + 1) % 1_000_000).padStart(6, '0');
    const body = { codeId, code: wrong, identifier, termsVersion: stand.termsVersion };
    expect(await problemOf(stand.ask(createSession, { body }))).toMatchObject({ code: 'code_invalid' });
    const log = await stand.ask(listSecurityLog, { token: accessToken, query: { limit: 10 } });
    expect(log.body.items.map(({ kind }) => kind)).toContain('code_wrong');
  });

  test('new terms are put to a known person at the next sign-in, and the acceptance is kept', async () => {
    const { identifier, accountId } = await stand.signIn(stand.identifiers.phone());
    await stand.pool.query("update consent set terms_version = '2020-01' where account_id = $1", [accountId]);
    stand.moveClock(61_000);
    const code = await stand.codeFor(identifier);
    expect(await problemOf(stand.ask(createSession, { body: { ...code, identifier } }))).toMatchObject({
      code: 'consent_required',
      status: 422,
    });
    // The code was not used up.
    const { termsVersion } = stand;
    expect((await stand.ask(createSession, { body: { ...code, identifier, termsVersion } })).status).toBe(201);
    const { rows } = await stand.pool.query(
      'select terms_version from consent where account_id = $1 order by accepted_at',
      [accountId],
    );
    expect(rows.map((row) => row.terms_version)).toEqual(['2020-01', termsVersion]);
    stand.moveClock(61_000);
    const later = await stand.codeFor(identifier);
    expect((await stand.ask(createSession, { body: { ...later, identifier } })).status).toBe(201);
  });

  test('a vendor of SMS is never reached in the clear outside the embedded mode', () => {
    const env = {
      SMS_ENDPOINT: 'http://sms.example',
      SMS_ACCESS_KEY_ID: 'k'.repeat(20),
      SMS_ACCESS_KEY_SECRET: 's'.repeat(40),
      SMS_SIGN_NAME: 'Meridian',
      SMS_TEMPLATE: 'SMS_1',
      SMS_NOTICE_TEMPLATE: 'SMS_2',
    };
    const inMode = (MERIDIAN_MODE: string) => configureSenders(['phone_code'], { ...env, MERIDIAN_MODE });
    expect(() => inMode('production')).toThrow(/SMS_ENDPOINT/);
    expect(Object.keys(inMode('embedded'))).toEqual(['phone_code']);
  });

  test('new terms are put to whoever signs in by a password, once it was right', async () => {
    const { identifier, accountId } = await withPassword();
    await stand.pool.query("update consent set terms_version = '2020-01' where account_id = $1", [accountId]);
    const by = (given: { password: string; termsVersion?: string }) =>
      stand.ask(signInByPassword, { body: { identifier, ...given } });
    expect(await problemOf(by({ password: 'not the password' }))).toMatchObject({ code: 'credentials_invalid' });
    expect(await problemOf(by({ password }))).toMatchObject({ code: 'consent_required', status: 422 });
    const { termsVersion } = stand;
    expect((await by({ password, termsVersion })).body.accountId).toBe(accountId);
    expect((await by({ password })).status).toBe(201);
  });

  test('signing out everywhere ends a sign-in that waits for its second factor', async () => {
    const { accessToken, accountId } = await withPassword();
    // As if an authenticator app were on: what counts is the pending sign-in.
    await stand.pool.query(
      "insert into pending_sign_in (challenge_hash, account_id, method, expires_at) values ('h', $1, 'password', now() + interval '1 hour')",
      [accountId],
    );
    await stand.ask(endAllSessions, { token: accessToken, query: {} });
    const { rowCount } = await stand.pool.query('select 1 from pending_sign_in where account_id = $1', [accountId]);
    expect(rowCount).toBe(0);
  });

  test('logs go when their period is over, however many have come of age', async () => {
    await stand.pool.query(
      "insert into security_log (at, kind) select now() - interval '10 years', 'signed_in' from generate_series(1, 25)",
    );
    await withOwnDatabase(stand, async (db) => {
      const once = () => db.transaction((tx) => deleteExpiredLogs(tx, stand.now(), 6, 10));
      expect([await once(), await once(), await once()]).toEqual([true, true, false]);
    });
    const { rowCount } = await stand.pool.query("select 1 from security_log where at < now() - interval '9 years'");
    expect(rowCount).toBe(0);
  });

  test('on a 31st no log goes before its six months are over', async () => {
    // Far ahead, so that the job of the running service leaves these rows alone.
    const [gone, kept] = ['2095-02-27T00:00:00Z', '2095-03-01T00:00:00Z'];
    await stand.pool.query("insert into security_log (at, kind) values ($1, 'signed_in'), ($2, 'signed_in')", [
      gone,
      kept,
    ]);
    await withOwnDatabase(stand, async (db) => {
      await db.transaction((tx) => deleteExpiredLogs(tx, new Date('2095-08-31T00:00:00Z'), 6));
    });
    const { rows } = await stand.pool.query("select at from security_log where at > '2095-01-01'");
    expect(rows).toEqual([{ at: new Date(kept) }]);
  });
});
