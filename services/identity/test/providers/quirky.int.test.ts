// Xiaomi, WeChat, Weibo, QQ, Alipay, Facebook: each client against its stand-in, each oddity, each form of error.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { FederatedLogin } from '@meridian/regions/profile.ts';
import { failure, type Logins, startLogins } from '../support/login-stand.ts';

let logins: Logins;
beforeAll(async () => {
  logins = await startLogins();
}, 60_000);
afterAll(() => logins?.stop());
beforeEach(() => logins.reset());

const quirky = ['xiaomi', 'wechat', 'weibo', 'qq', 'alipay', 'facebook'] as const;
/** Parameter that carries the code. */
const codeOf = (name: FederatedLogin) => (name === 'alipay' ? 'auth_code' : 'code');

describe.each(quirky)('%s, as every provider', (name) => {
  const begin = async (person: string) => {
    const [client, flow] = [logins.provider(name), logins.newFlow(name)];
    return { client, flow, back: await logins.choose(await client.authorizeUrl(flow), person) };
  };

  test('a person is the same person each time, and another one is another', async () => {
    const [first, again, other] = [
      await logins.login(name, 'lin'),
      await logins.login(name, 'lin'),
      await logins.login(name, 'mei'),
    ];
    expect(first.displayName).toBe('林晓');
    expect(again.subjectIds).toEqual(first.subjectIds);
    const values = (person: typeof first) => person.subjectIds.map(({ value }) => value);
    expect(values(other).some((value) => values(first).includes(value))).toBe(false);
    for (const id of first.subjectIds) expect(id).toMatchObject({ provider: name, app: logins.provider(name).app });
    expect(new Set(first.subjectIds.map(({ kind }) => kind)).size).toBe(first.subjectIds.length);
  });
  test('a refusal is denied_by_user', async () => {
    expect(await failure(logins.login(name, ''))).toMatch(/^denied_by_user /);
  });
  test('a foreign or a missing state is invalid_callback, and the code is not spent', async () => {
    const { client, flow, back } = await begin('lin');
    expect(await failure(client.exchange({ ...back, state: `${flow.state}x` }, flow))).toBe('invalid_callback (state)');
    const { state: _state, ...stateless } = back ?? {};
    expect(await failure(client.exchange(stateless, flow))).toBe('invalid_callback (state)');
    expect((await client.exchange(back ?? {}, flow)).subjectIds.length).toBeGreaterThan(0);
  });
  test('a code works once', async () => {
    const { client, flow, back } = await begin('lin');
    await client.exchange(back ?? {}, flow);
    expect(await failure(client.exchange(back ?? {}, flow))).toMatch(/^invalid_callback /);
  });
  test('an expired code is invalid_callback', async () => {
    const { client, flow, back } = await begin('lin');
    logins.clock.move(601_000);
    expect(await failure(client.exchange(back ?? {}, flow))).toMatch(/^invalid_callback /);
  });
  test('an invented code is invalid_callback', async () => {
    const { client, flow } = await begin('lin');
    expect(await failure(client.exchange({ state: flow.state, [codeOf(name)]: 'invented' }, flow))).toMatch(
      /^invalid_callback /,
    );
  });
  test('HTTP 500, no answer and a slow one are provider_unavailable', async () => {
    for (const faults of [{ fail: { status: 500, times: 1 } }, { loseAnswer: { times: 1 } }]) {
      const { client, flow, back } = await begin('lin');
      await logins.control(name, faults);
      expect(await failure(client.exchange(back ?? {}, flow))).toMatch(/^provider_unavailable /);
    }
  });
  test('a redirect address that is not registered is refused by the provider itself', async () => {
    const client = logins.provider(name);
    const url = await client.authorizeUrl({ ...logins.newFlow(name), redirectUri: 'http://127.0.0.2:9/elsewhere' });
    expect((await fetch(url)).status).toBe(400);
  });
  test('nothing secret is in the message of an error', async () => {
    const { client, flow, back } = await begin('lin');
    const code = String(back?.[codeOf(name)]);
    await client.exchange(back ?? {}, flow);
    const error = await client.exchange(back ?? {}, flow).catch((e: Error) => e);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(code);
  });
});

test('a provider that is too slow is not waited for', async () => {
  const [client, flow] = [logins.provider('weibo'), logins.newFlow('weibo')];
  const back = await logins.choose(await client.authorizeUrl(flow), 'lin');
  await logins.control('weibo', { slowMs: 6_000 });
  expect(await failure(client.exchange(back ?? {}, flow))).toBe('provider_unavailable (no_answer)');
}, 15_000);

test.each([
  ['xiaomi', 'XIAOMI_CLIENT_SECRET', 'provider_error (96003)'],
  ['wechat', 'WECHAT_APP_SECRET', 'provider_error (40125)'],
  ['weibo', 'WEIBO_CLIENT_SECRET', 'provider_error (21324)'],
  ['qq', 'QQ_CLIENT_SECRET', 'provider_error (100009)'],
  ['facebook', 'FACEBOOK_APP_SECRET', 'provider_error (1)'],
] as const)('%s: a wrong secret of ours is provider_error', async (name, variable, expected) => {
  expect(
    await failure(logins.login(name, 'lin', logins.provider(name, { [variable]: 'a-wrong-secret-of-ours' }))),
  ).toBe(expected);
});

describe('xiaomi', () => {
  test('asks with numbers as scopes and always says skip_confirm', async () => {
    const url = await logins.provider('xiaomi').authorizeUrl(logins.newFlow('xiaomi'));
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      scope: '1 3',
      skip_confirm: 'false',
      response_type: 'code',
    });
    expect(url.search).toContain('scope=1%203');
  });
  test('keeps the union id and the open id, each with its kind', async () => {
    expect((await logins.login('xiaomi', 'lin')).subjectIds.map(({ kind }) => kind)).toEqual(['unionid', 'openid']);
    await logins.control('xiaomi', { noUnionId: true });
    // The profile still says it.
    expect((await logins.login('xiaomi', 'lin')).subjectIds.map(({ kind }) => kind)).toEqual(['unionid', 'openid']);
  });
  test('a profile of somebody else is provider_error', async () => {
    await logins.control('xiaomi', { otherUnionId: true });
    expect(await failure(logins.login('xiaomi', 'lin'))).toBe('provider_error (other_person)');
  });
  test.each([
    [{ tokenError: { code: 96013, times: 1 } }, 'invalid_callback (96013)'],
    [{ tokenError: { code: 96005, times: 1 } }, 'provider_error (96005)'],
    [{ profileError: { code: 96008, times: 1 } }, 'provider_error (96008)'],
    [{ garbled: true }, 'provider_error (unreadable_answer)'],
  ])('%j is %s', async (faults, expected) => {
    await logins.control('xiaomi', faults);
    expect(await failure(logins.login('xiaomi', 'lin'))).toBe(expected);
  });
  test('the provider accepts sub paths of our address, as the real one does', async () => {
    const flow = { ...logins.newFlow('xiaomi'), redirectUri: `${logins.redirectUri('xiaomi')}/below` };
    expect((await fetch(await logins.provider('xiaomi').authorizeUrl(flow))).status).toBe(200);
  });
});

describe('wechat', () => {
  test('asks with appid and the fragment that WeChat wants', async () => {
    const url = await logins.provider('wechat').authorizeUrl(logins.newFlow('wechat'));
    expect(url.searchParams.get('appid')).toBe(logins.outside.logins.wechat.appId);
    expect(url.hash).toBe('#wechat_redirect');
  });
  test('the open id stays the same when the union id begins to arrive', async () => {
    await logins.control('wechat', { noUnionId: true });
    const before = await logins.login('wechat', 'lin');
    expect(before.subjectIds.map(({ kind }) => kind)).toEqual(['openid']);
    await logins.reset();
    const after = await logins.login('wechat', 'lin');
    expect(after.subjectIds.map(({ kind }) => kind)).toEqual(['unionid', 'openid']);
    expect(after.subjectIds[1]).toEqual(before.subjectIds[0]);
  });
  test('a refusal may also never come back', async () => {
    await logins.control('wechat', { refusal: 'stay' });
    const client = logins.provider('wechat');
    expect(await logins.choose(await client.authorizeUrl(logins.newFlow('wechat')), '')).toBeUndefined();
  });
  test.each([
    [{ otherOpenId: true }, 'provider_error (other_person)'],
    [{ tokenError: { code: 40163 } }, 'invalid_callback (40163)'],
    [{ tokenError: { code: -1 } }, 'provider_unavailable (-1)'],
    [{ tokenError: { code: 40013 } }, 'provider_error (40013)'],
    [{ profileError: { code: 40001 } }, 'provider_error (40001)'],
  ])('%j is %s', async (faults, expected) => {
    await logins.control('wechat', faults);
    expect(await failure(logins.login('wechat', 'lin'))).toBe(expected);
  });
});

describe('weibo', () => {
  test.each([
    [{ tokenInfo: 'other_app' }, 'provider_error (other_app)'],
    [{ tokenInfo: 'other_user' }, 'provider_error (other_person)'],
    [{ otherUser: true }, 'provider_error (other_person)'],
    [{ tokenError: { code: 21325 } }, 'invalid_callback (21325)'],
    [{ tokenError: { code: 21322 } }, 'provider_error (21322)'],
    [{ profileError: { code: 21327 } }, 'provider_error (21327)'],
  ])('%j is %s', async (faults, expected) => {
    await logins.control('weibo', faults);
    expect(await failure(logins.login('weibo', 'lin'))).toBe(expected);
  });
  test('the token can be revoked, and revoking it again is no error', async () => {
    const client = logins.provider('weibo');
    const { revocationToken = '' } = await logins.login('weibo', 'lin', client);
    await client.revoke?.(revocationToken);
    await client.revoke?.(revocationToken);
    expect((await logins.requests('weibo')).byRoute['POST /weibo/oauth2/revokeoauth2']).toBe(2);
  });
});

describe('qq', () => {
  test('reads the old forms of replies when fmt=json is ignored', async () => {
    const modern = await logins.login('qq', 'lin');
    await logins.control('qq', { ignoreFormat: true });
    expect(await logins.login('qq', 'lin')).toEqual(modern);
  });
  test('does without union id where the permission is missing', async () => {
    await logins.control('qq', { noUnionIdPermission: true });
    expect((await logins.login('qq', 'lin')).subjectIds.map(({ kind }) => kind)).toEqual(['openid']);
  });
  test.each([
    [{ otherApp: true }, 'provider_error (other_app)'],
    [{ tokenError: { code: 100020 } }, 'invalid_callback (100020)'],
    [{ tokenError: { code: 100019 }, ignoreFormat: true }, 'invalid_callback (100019)'],
    [{ tokenError: { code: 100010 } }, 'provider_error (100010)'],
    [{ meError: { code: 100016 } }, 'provider_error (100016)'],
    [{ userInfoError: { code: 100030 } }, 'provider_error (100030)'],
    [{ userInfoError: { code: -23 } }, 'provider_error (-23)'],
  ])('%j is %s', async (faults, expected) => {
    await logins.control('qq', faults);
    expect(await failure(logins.login('qq', 'lin'))).toBe(expected);
  });
});

describe('alipay', () => {
  test.each([
    ['open_id', ['open_id']],
    ['user_id', ['user_id']],
    ['both', ['user_id', 'open_id']],
  ])('an app that gets %s', async (identifier, kinds) => {
    await logins.control('alipay', { identifier });
    expect((await logins.login('alipay', 'lin')).subjectIds.map(({ kind }) => kind)).toEqual(kinds);
  });
  test.each([
    [{ identifier: 'none' }, 'provider_error (no_identifier)'],
    [{ otherUser: true }, 'provider_error (other_person)'],
    [{ answerSignature: { kind: 'wrong' } }, 'provider_error (signature)'],
    [{ answerSignature: { kind: 'absent' } }, 'provider_error (signature)'],
    [
      { gatewayError: { code: '40002', subCode: 'isv.code-invalid', in: 'error_response' } },
      'invalid_callback (isv.code-invalid)',
    ],
    [
      { gatewayError: { code: '40004', subCode: 'isv.app-not-online', in: 'method' } },
      'provider_error (isv.app-not-online)',
    ],
    [
      { gatewayError: { code: '20000', subCode: 'isp.unknow-error', in: 'error_response' } },
      'provider_unavailable (isp.unknow-error)',
    ],
  ])('%j is %s', async (faults, expected) => {
    await logins.control('alipay', faults);
    expect(await failure(logins.login('alipay', 'lin'))).toBe(expected);
  });
  test('a reply signed by our own key instead of Alipay’s is refused', async () => {
    const { createPublicKey } = await import('node:crypto');
    const ours = createPublicKey(logins.outside.logins.alipay.privateKey)
      .export({ type: 'spki', format: 'pem' })
      .toString();
    expect(
      await failure(logins.login('alipay', 'lin', logins.provider('alipay', { ALIPAY_LOGIN_PUBLIC_KEY: ours }))),
    ).toBe('provider_error (signature)');
  });
  test('localhost is refused by the provider', async () => {
    const flow = { ...logins.newFlow('alipay'), redirectUri: 'http://localhost:9/v1/logins/alipay/callback' };
    expect((await fetch(await logins.provider('alipay').authorizeUrl(flow))).status).toBe(400);
  });
});

describe('facebook', () => {
  test('an address is told, but never as verified', async () => {
    expect((await logins.login('facebook', 'olga')).email).toEqual({ value: 'olga@example.net', verified: false });
    await logins.control('facebook', { noEmail: true });
    expect((await logins.login('facebook', 'olga')).email).toBeUndefined();
  });
  test.each([
    [{ debugToken: 'other_app' }, 'provider_error (other_app)'],
    [{ debugToken: 'other_user' }, 'provider_error (other_person)'],
    [{ debugToken: 'not_valid' }, 'provider_error (token)'],
    [{ tokenError: { code: 2 } }, 'provider_unavailable (2)'],
    [{ tokenError: { code: 101 } }, 'provider_error (101)'],
    [{ profileError: { code: 190 } }, 'provider_error (190)'],
  ])('%j is %s', async (faults, expected) => {
    await logins.control('facebook', faults);
    expect(await failure(logins.login('facebook', 'lin'))).toBe(expected);
  });
  test('the permission can be ended, and ending it again is no error', async () => {
    const client = logins.provider('facebook');
    const { revocationToken = '' } = await logins.login('facebook', 'olga', client);
    await client.revoke?.(revocationToken);
    await client.revoke?.(revocationToken);
    expect((await logins.requests('facebook')).byRoute['DELETE /facebook/v24.0/me/permissions']).toBe(2);
  });
});
