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
import { createDatabase } from '@meridian/kit/db/database.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { configureSenders } from '../src/codes/senders.ts';
import type { IdentitySchema } from '../src/db/schema.ts';
import { deleteExpiredLogs } from '../src/security-log/security-log.store.ts';
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
  const metric = async (name: string) => {
    const text = await (await fetch(`${stand.urls().internalUrl}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1] ?? 0);
  };

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

  test('notices by SMS wait when the spend breaker of the region is out, and it is an alarm', async () => {
    const { identifier, accountId } = await withPassword();
    await waitFor('the notice of the password', async () =>
      (await stand.messages(identifier.value)).some(({ code }) => code === null),
    );
    await stand.pool.query(
      "insert into limit_count values ('total', date_trunc('minute', now()) + interval '2 minutes', 100000)",
    );
    await byPassword(identifier, device(1_000));
    await waitFor('the alarm', async () => (await metric('identity_codes_stopped_total')) > 0);
    const { rows } = await stand.pool.query('select attempts from notice where account_id = $1', [accountId]);
    expect(rows.length).toBeGreaterThan(0);
    await stand.pool.query("delete from limit_count where scope = 'total'");
    stand.moveClock(700_000);
    await waitFor('the notice', async () => {
      const { rowCount } = await stand.pool.query('select 1 from notice where account_id = $1', [accountId]);
      return rowCount === 0;
    });
  });

  test('an account may have twenty codes a day sent to addresses it wants to add', async () => {
    const { accessToken: token } = await stand.signIn(stand.identifiers.phone());
    const ask = () => stand.ask(sendContactCode, { token, body: { identifier: stand.identifiers.phone() } });
    for (let n = 0; n < 10; n += 1) expect((await ask()).status).toBe(202);
    expect(await problemOf(ask())).toMatchObject({ code: 'code_limit_reached', status: 429 });
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
    expect(() => configureSenders(['phone_code'], env, { embedded: false })).toThrow(/SMS_ENDPOINT/);
    expect(Object.keys(configureSenders(['phone_code'], env, { embedded: true }))).toEqual(['phone_code']);
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
    const log = createLog({ service: 'test', region: 'cn', level: 'silent' });
    const url = stand.env.DATABASE_URL as string;
    const db = createDatabase<IdentitySchema>({ url, poolSize: 1, log, applicationName: 'test' });
    const once = () => db.transaction((tx) => deleteExpiredLogs(tx, stand.now(), 6, 10));
    expect([await once(), await once(), await once()]).toEqual([true, true, false]);
    const { rowCount } = await stand.pool.query("select 1 from security_log where at < now() - interval '9 years'");
    expect(rowCount).toBe(0);
    await db.close();
  });
});
