// What providers tell about people who signed in by them, what follows at the providers, and accounts without an address.
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { accountErased } from '@meridian/contracts/events/lifecycle.ts';
import { addContact, sendContactCode } from '@meridian/contracts/identity.ts';
import { createDatabase } from '@meridian/kit/db/database.ts';
import { newId } from '@meridian/kit/ids.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { sweepLeftovers } from '../src/cancellation/personal-tables.ts';
import type { IdentitySchema } from '../src/db/schema.ts';
import { type Browser, createBrowser, registerApps, signInBy } from './support/browser.ts';
import { others } from './support/participants.ts';
import { type Stand, startStand, waitFor } from './support/stand.ts';

let people = 900;
const newPerson = () => `person-${++people}`;
const day = 24 * 3_600_000;

const helpers = (stand: () => Stand) => {
  const order = async (path: string, body: object) => {
    const answer = await fetch(`${stand().sandbox.origin}/control/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ region: stand().region, ...body }),
    });
    return (await answer.json()) as { status: number; body: string };
  };
  const loginsOf = async (accountId: string) =>
    (
      await stand().pool.query(
        'select provider, ends_at, sealed_name is not null as named from linked_login where account_id = $1 order by linked_at',
        [accountId],
      )
    ).rows as { provider: string; ends_at: Date | null; named: boolean }[];
  const kindsOf = async (accountId: string) =>
    (await stand().pool.query('select kind from security_log where account_id = $1 order by id', [accountId])).rows.map(
      (row) => row.kind as string,
    );
  const requestsTo = async (part: string, pattern: RegExp) => {
    const answer = await fetch(`${stand().sandbox.origin}/control/${part}/requests`);
    const { byRoute } = (await answer.json()) as { byRoute: Record<string, number> };
    return Object.entries(byRoute).reduce((sum, [route, n]) => (pattern.test(route) ? sum + n : sum), 0);
  };
  const pendingRevocations = async () =>
    Number((await stand().pool.query('select count(*) from login_revocation')).rows[0].count);
  return { order, loginsOf, kindsOf, requestsTo, pendingRevocations };
};

describe('where every account has a phone', () => {
  let stand: Stand;
  let browser: Browser;
  beforeAll(async () => {
    stand = await startStand({ region: 'cn' });
    await registerApps(stand);
  }, 60_000);
  afterAll(() => stand?.stop());
  beforeEach(async () => {
    browser = createBrowser(stand);
    stand.moveClock(61_000);
    await fetch(`${stand.sandbox.origin}/control`, { method: 'DELETE' });
  });
  const { order, loginsOf, kindsOf, requestsTo, pendingRevocations } = helpers(() => stand);

  test.each([
    ['wechat', 'wechat/push', { event: 'user_authorization_revoke' }],
    ['wechat', 'wechat/push', { event: 'user_authorization_cancellation', format: 'xml' }],
    ['alipay', 'alipay/push', {}],
    ['apple', 'apple/notify', { type: 'consent-revoked' }],
    ['apple', 'apple/notify', { type: 'account-delete' }],
  ] as const)(
    '%s: %s %j unlinks, logs, ends sessions and tells; a repeat changes nothing',
    async (name, path, what) => {
      const person = newPerson();
      const { body } = await signInBy(stand, browser, name, person);
      stand.moveClock(5_000);
      expect((await order(path, { person, ...what })).status).toBe(200);
      expect(await loginsOf(body.accountId)).toEqual([]);
      expect((await kindsOf(body.accountId)).filter((kind) => kind === 'login_unlinked')).toHaveLength(1);
      expect((await browser.send('GET', '/v1/account', undefined, body.accessToken)).status).toBe(401);
      expect((await order(path, { person, ...what })).status).toBe(200);
      expect((await kindsOf(body.accountId)).filter((kind) => kind === 'login_unlinked')).toHaveLength(1);
      // The account stays: its phone signs in. The login is free, and begins another account.
      const again = await browser.signIn(name, person);
      expect(again.code).toBe('phone_binding_required');
    },
  );

  test('a message about the time before the person came back changes nothing', async () => {
    const person = newPerson();
    const { body } = await signInBy(stand, browser, 'wechat', person);
    stand.moveClock(60_000);
    await createBrowser(stand).signIn('wechat', person);
    // Sent by the provider's clock a minute earlier, within the ten minutes that a signature is believed.
    stand.moveClock(-30_000);
    expect((await order('wechat/push', { person, event: 'user_authorization_revoke' })).status).toBe(200);
    stand.moveClock(30_000);
    expect(await loginsOf(body.accountId)).toMatchObject([{ provider: 'wechat', ends_at: null }]);
  });

  test('WeChat: user_info_modified takes the name away, and nothing else', async () => {
    const person = newPerson();
    const { body } = await signInBy(stand, browser, 'wechat', person);
    expect(await loginsOf(body.accountId)).toMatchObject([{ named: true }]);
    await order('wechat/push', { person, event: 'user_info_modified' });
    expect(await loginsOf(body.accountId)).toMatchObject([{ provider: 'wechat', named: false, ends_at: null }]);
    expect((await browser.send('GET', '/v1/account', undefined, body.accessToken)).status).toBe(200);
  });

  test.each(['email-disabled', 'email-enabled'])('Apple: %s concerns no login', async (type) => {
    const person = newPerson();
    const { body } = await signInBy(stand, browser, 'apple', person);
    expect((await order('apple/notify', { person, type })).status).toBe(200);
    expect(await loginsOf(body.accountId)).toMatchObject([{ provider: 'apple', ends_at: null }]);
  });

  test.each([
    ['wechat/push', { event: 'user_authorization_revoke', wrong: 'message_signature' }],
    ['wechat/push', { event: 'user_authorization_revoke', encrypted: false }],
    ['wechat/push', { event: 'user_authorization_revoke', wrong: 'stale' }],
    ['alipay/push', { wrong: 'signature' }],
    ['alipay/push', { wrong: 'unsigned' }],
    ['apple/notify', { type: 'account-delete', wrong: 'signature' }],
    ['apple/notify', { type: 'account-delete', wrong: 'id_token' }],
    ['apple/notify', { type: 'account-delete', wrong: 'audience' }],
  ])('%s %j is refused and changes nothing', async (path, what) => {
    const person = newPerson();
    const name = path.split('/')[0] as 'wechat' | 'alipay' | 'apple';
    const { body } = await signInBy(stand, browser, name, person);
    expect((await order(path, { person, ...what })).status).toBe(401);
    expect(await loginsOf(body.accountId)).toHaveLength(1);
  });

  test.each(['wechat', 'alipay'])('%s: the address proves itself to be ours', async (name) => {
    const answer = await fetch(`${stand.sandbox.origin}/control/${name}/handshake/${stand.region}`, { method: 'POST' });
    expect(await answer.json()).toEqual({ status: 200, verified: true });
  });

  test.each(['apple', 'weibo'] as const)(
    '%s: unlinking ends what was allowed there, in the background and again after an outage',
    async (name) => {
      const person = newPerson();
      const { body } = await signInBy(stand, browser, name, person);
      const { items } = (await browser.send('GET', '/v1/account/logins', undefined, body.accessToken)).body;
      const revoked = await requestsTo(name, /revoke/);
      await stand.control(name, { fail: { status: 503 } });
      const path = `/v1/account/logins/${items[0].loginId}`;
      // The outage delays nobody.
      expect((await browser.send('DELETE', path, undefined, body.accessToken)).status).toBe(204);
      await waitFor('the first try', async () => (await requestsTo(name, /revoke/)) > revoked);
      expect(await pendingRevocations()).toBe(1);
      await fetch(`${stand.sandbox.origin}/control`, { method: 'DELETE' });
      stand.moveClock(61_000);
      await waitFor('the second try', async () => (await pendingRevocations()) === 0);
      expect(await requestsTo(name, /revoke/)).toBeGreaterThan(0);
      expect((await kindsOf(body.accountId)).at(-1)).toBe('login_unlinked');
    },
  );

  test('linking and unlinking are told at the phone, in its language', async () => {
    const phone = stand.identifiers.phone();
    const owner = await stand.signIn(phone);
    expect((await browser.link('qq', newPerson(), owner.accessToken)).status).toBe(201);
    const told = (text: string) =>
      waitFor(text, async () => (await stand.messages(phone.value)).some((message) => message.text.includes(text)));
    await told('关联了第三方登录');
    const { items } = (await browser.send('GET', '/v1/account/logins', undefined, owner.accessToken)).body;
    await browser.send('DELETE', `/v1/account/logins/${items[0].loginId}`, undefined, owner.accessToken);
    await told('解除了第三方登录');
  });

  test('erasure takes logins along, ends them at the provider, and leaves nothing', async () => {
    const person = newPerson();
    const { body } = await signInBy(stand, browser, 'apple', person);
    const { accountId, accessToken } = body;
    expect((await browser.prove('apple', person, accessToken)).status).toBe(200);
    const preview = await browser.send('GET', '/v1/account/cancellation/preview', undefined, accessToken);
    const { consequencesVersion } = preview.body;
    const cancelled = await browser.send('POST', '/v1/account/cancellation', { consequencesVersion }, accessToken);
    expect(cancelled).toMatchObject({ status: 200 });
    const revoked = await requestsTo('apple', /revoke/);
    const { sagaId } = cancelled.body.cancellation;
    for (const service of others)
      await stand.publishAs(service, accountErased, accountId, { sagaId, service, erased: {}, retained: [] });
    await waitFor('the erasure', async () => (await loginsOf(accountId)).length === 0);
    await waitFor('the revocation', async () => (await requestsTo('apple', /revoke/)) > revoked);
    await waitFor('its row to go', async () => (await pendingRevocations()) === 0);
    const log = createLog({ service: 'test', region: stand.region, level: 'silent' });
    const url = stand.env.DATABASE_URL ?? '';
    const db = createDatabase<IdentitySchema>({ url, poolSize: 1, log, applicationName: 'test' });
    expect(await sweepLeftovers(db.read)).toEqual({});
    await db.close();
    const { rows } = await stand.pool.query(
      'select count(*)::int as n from linked_login_id where provider = $1 and login_id not in (select id from linked_login)',
      ['apple'],
    );
    expect(rows[0].n).toBe(0);
    expect((await createBrowser(stand).signIn('apple', person)).code).toBe('phone_binding_required');
  });
});

describe('where a login may be all there is', () => {
  let stand: Stand;
  let browser: Browser;
  beforeAll(async () => {
    stand = await startStand({ region: 'global' });
    await registerApps(stand);
  }, 60_000);
  afterAll(() => stand?.stop());
  beforeEach(() => {
    browser = createBrowser(stand);
    stand.moveClock(61_000);
  });
  const { order, loginsOf, kindsOf } = helpers(() => stand);
  const askDeletion = async (person: string) => {
    const answer = await order('facebook/callback', { person, kind: 'data_deletion' });
    expect(answer.status).toBe(200);
    const { url, confirmation_code: code } = JSON.parse(answer.body) as { url: string; confirmation_code: string };
    const page = async () => {
      const shown = await fetch(stand.urls().publicUrl + new URL(url).pathname);
      expect(shown.headers.get('content-type')).toContain('text/html');
      return shown.text();
    };
    return { url, code, page };
  };
  const accountStatus = async (accountId: string) =>
    (await stand.pool.query('select status from account where id = $1', [accountId])).rows[0]?.status as
      | string
      | undefined;

  test('Facebook: a deletion names a page and a code; the only login ends after two weeks, and the account with it', async () => {
    const person = newPerson();
    const { body } = await browser.signIn('facebook', person);
    const { accountId } = body;
    const { url, code, page } = await askDeletion(person);
    expect(url).toBe(`${stand.profile.addresses.api}/v1/logins/deletions/${code}`);
    expect(await page()).toContain('will be deleted on');
    expect(await page()).toContain(stand.profile.links.helpCentre);
    const listed = await browser.send('GET', '/v1/account/logins', undefined, body.accessToken);
    expect(listed.body.items[0].endsAt).toEqual(expect.any(String));
    expect(await kindsOf(accountId)).toContain('login_ending');
    expect(await accountStatus(accountId)).toBe('active');

    stand.moveClock(14 * day + 1_000);
    const closing = async () => (await accountStatus(accountId)) !== 'active';
    await waitFor('the saga', closing, 20_000);
    expect(await page()).toContain('is being deleted');
    const { rows } = await stand.pool.query('select saga_id from cancellation where account_id = $1', [accountId]);
    const sagaId = rows[0].saga_id as string;
    stand.moveClock(7_000);
    await waitFor('the fences', async () => {
      const found = await stand.pool.query("select 1 from cancellation where saga_id = $1 and status = 'cancelled'", [
        sagaId,
      ]);
      return found.rows.length === 1;
    });
    for (const service of others)
      await stand.publishAs(service, accountErased, accountId, { sagaId, service, erased: {}, retained: [] });
    await waitFor('the erasure', async () => (await accountStatus(accountId)) === undefined);
    expect(await page()).toContain('The account and its data are deleted');
    expect((await browser.signIn('facebook', person)).body).toMatchObject({ created: true });
  }, 40_000);

  test('whoever adds another way in keeps the account; the login goes', async () => {
    const person = newPerson();
    const { body } = await browser.signIn('facebook', person);
    const { page } = await askDeletion(person);
    expect((await browser.link('google', person, body.accessToken)).status).toBe(201);
    // The login that ends is no way in any more: the new one cannot be unlinked.
    const { items } = (await browser.send('GET', '/v1/account/logins', undefined, body.accessToken)).body;
    const google = items.find((one: { provider: string }) => one.provider === 'google');
    expect(
      await browser.send('DELETE', `/v1/account/logins/${google.loginId}`, undefined, body.accessToken),
    ).toMatchObject({ code: 'last_login_method' });
    stand.moveClock(14 * day + 1_000);
    await waitFor('the login to go', async () => (await loginsOf(body.accountId)).length === 1, 20_000);
    expect(await accountStatus(body.accountId)).toBe('active');
    expect(await loginsOf(body.accountId)).toMatchObject([{ provider: 'google', ends_at: null }]);
    expect(await page()).toContain('Done');
  }, 40_000);

  /** As if the person had added one: what counts is the row. */
  const plantPasskey = async (accountId: string) => {
    const id = newId('pky', stand.region, stand.now());
    await stand.pool.query(
      `insert into passkey (id, account_id, credential_id, public_key, counter, name, created_at)
       values ($1, $2, $1, '', 0, 'laptop', $3)`,
      [id, accountId, stand.now()],
    );
    return id;
  };

  test('a passkey is a way in: with one, the login that a provider ends goes at once and the account stays', async () => {
    const person = newPerson();
    const { body } = await browser.signIn('facebook', person);
    await plantPasskey(body.accountId);
    const { page } = await askDeletion(person);
    expect(await loginsOf(body.accountId)).toEqual([]);
    expect(await kindsOf(body.accountId)).not.toContain('login_ending');
    expect(await page()).toContain('Done');
  });

  test('a passkey that is added while the only login ends keeps the account', async () => {
    const person = newPerson();
    const { body } = await browser.signIn('facebook', person);
    await askDeletion(person);
    expect(await loginsOf(body.accountId)).toMatchObject([{ ends_at: expect.any(Date) }]);
    await plantPasskey(body.accountId);
    stand.moveClock(14 * day + 1_000);
    await waitFor('the login to go', async () => (await loginsOf(body.accountId)).length === 0, 20_000);
    expect(await accountStatus(body.accountId)).toBe('active');
  }, 40_000);

  test('an address that was added meanwhile is told when the login goes; sessions and what is begun end with it', async () => {
    const person = newPerson();
    const { body } = await browser.signIn('facebook', person);
    const { accountId, accessToken: token } = body;
    await askDeletion(person);
    const identifier = stand.identifiers.email();
    const { codeId } = (await stand.ask(sendContactCode, { token, body: { identifier } })).body;
    const [sent] = await waitFor('the code', async () => {
      const found = await stand.messages(identifier.value);
      return found.length > 0 && found;
    });
    await stand.ask(addContact, { token, body: { identifier, codeId, code: sent?.code ?? '' } });
    const later = new Date(stand.now().getTime() + 30 * day);
    await stand.pool.query("insert into pending_sign_in values ('begun', $1, 'email_code', 0, $2)", [accountId, later]);
    await stand.pool.query(
      "insert into login_flow values ('begun', 'browser', 'google', 'link', 'https://page.example', $1, 'ses', $2)",
      [accountId, later],
    );

    stand.moveClock(14 * day + 1_000);
    await waitFor('the login to go', async () => (await loginsOf(accountId)).length === 0, 20_000);
    await waitFor('the notice', async () =>
      (await stand.messages(identifier.value)).some(({ text }) => text.includes('a linked login was removed')),
    );
    const sessions = await stand.pool.query('select ended_reason from session where account_id = $1', [accountId]);
    expect(sessions.rows).toEqual([{ ended_reason: 'credentials_changed' }]);
    const { rows } = await stand.pool.query(
      "select 1 from pending_sign_in where challenge_hash = 'begun' union all select 1 from login_flow where state_hash = 'begun'",
    );
    expect(rows).toEqual([]);
  }, 40_000);

  test('with a passkey the last login can be unlinked; then the last passkey cannot be removed', async () => {
    const { body } = await browser.signIn('google', newPerson());
    const token = body.accessToken;
    const [older, newer] = [await plantPasskey(body.accountId), await plantPasskey(body.accountId)];
    const remove = (passkeyId: string) => browser.send('DELETE', `/v1/account/passkeys/${passkeyId}`, undefined, token);
    const [login] = (await browser.send('GET', '/v1/account/logins', undefined, token)).body.items;
    const unlinked = await browser.send('DELETE', `/v1/account/logins/${login.loginId}`, undefined, token);
    expect(unlinked.status).toBe(204);
    expect((await remove(older)).status).toBe(204);
    expect(await remove(newer)).toMatchObject({ status: 409, code: 'last_login_method' });
  });

  test('with another way in a deletion takes what came from the login at once; a repeat gets the same answer', async () => {
    const person = newPerson();
    const { body } = await browser.signIn('google', person);
    await browser.link('facebook', person, body.accessToken);
    const first = await askDeletion(person);
    expect(await first.page()).toContain('Done');
    expect(await loginsOf(body.accountId)).toMatchObject([{ provider: 'google' }]);
    // Of somebody whom nobody knows here: the same answer, and nothing to delete.
    expect(await (await askDeletion(newPerson())).page()).toContain('Done');
  });

  test('Facebook: the very same request again gets the very same answer, and is one deletion', async () => {
    const person = newPerson();
    await browser.signIn('facebook', person);
    const { rows: before } = await stand.pool.query('select count(*)::int as n from login_deletion');
    const content = Buffer.from(
      JSON.stringify({
        algorithm: 'HMAC-SHA256',
        issued_at: Math.floor(stand.now().getTime() / 1_000),
        user_id: '10000000000000001',
      }),
    ).toString('base64url');
    const { appSecret } = stand.outside.logins.facebook;
    const signature = createHmac('sha256', appSecret).update(content).digest('base64url');
    const send = async () => {
      const answer = await fetch(`${stand.urls().publicUrl}/v1/logins/facebook/push?purpose=deletion`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ signed_request: `${signature}.${content}` }),
      });
      return [answer.status, await answer.text()];
    };
    const answers = await Promise.all([send(), send(), send()]);
    expect(answers[0]).toEqual([200, expect.stringContaining('confirmation_code')]);
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
    const { rows: after } = await stand.pool.query('select count(*)::int as n from login_deletion');
    expect(after[0].n).toBe(before[0].n + 1);
  });

  test('Facebook: deauthorized as the only login: signing in again allows us anew', async () => {
    const person = newPerson();
    const { body } = await browser.signIn('facebook', person);
    stand.moveClock(5_000);
    expect((await order('facebook/callback', { person, kind: 'deauthorize' })).status).toBe(200);
    expect((await loginsOf(body.accountId))[0]?.ends_at).toEqual(expect.any(Date));
    expect((await browser.signIn('facebook', person)).body.accountId).toBe(body.accountId);
    expect(await loginsOf(body.accountId)).toMatchObject([{ ends_at: null }]);
  });

  test.each(['signature', 'algorithm', 'stale'])('Facebook: a deletion with a wrong %s is refused', async (wrong) => {
    const person = newPerson();
    const { body } = await browser.signIn('facebook', person);
    const answer = await order('facebook/callback', { person, kind: 'data_deletion', wrong });
    expect(answer.status).toBe(401);
    expect(await loginsOf(body.accountId)).toMatchObject([{ ends_at: null }]);
  });

  test('an account without an address is cancelled by a fresh proof of its login, not by a fresh sign-in alone', async () => {
    const person = newPerson();
    const { body } = await browser.signIn('google', person);
    const token = body.accessToken;
    const preview = await browser.send('GET', '/v1/account/cancellation/preview', undefined, token);
    const { consequencesVersion } = preview.body;
    const cancel = () => browser.send('POST', '/v1/account/cancellation', { consequencesVersion }, token);
    expect(await cancel()).toMatchObject({ status: 403, code: 'reauthentication_required' });
    expect((await browser.prove('google', newPerson(), token)).code).toBe('login_not_linked');
    expect(await cancel()).toMatchObject({ status: 403 });
    expect((await browser.prove('google', person, token)).status).toBe(200);
    expect(
      await browser.send('POST', '/v1/account/cancellation', { consequencesVersion, code: '123456' }, token),
    ).toMatchObject({ status: 401, code: 'code_invalid' });
    expect(await cancel()).toMatchObject({ status: 200, body: { cancellation: { status: 'cancelled' } } });
    expect(await createBrowser(stand).signIn('google', person)).toMatchObject({ code: 'account_cancelled' });
  });
});
