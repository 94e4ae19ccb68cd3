import { createHmac, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { createLocalJWKSet } from 'jose';
import { equalInConstantTime } from './constant-time.ts';
import { createServiceTokens } from './service-tokens.ts';
import { createServiceVerifier } from './service-verifier.ts';
import { createStaffVerifier } from './staff-verifier.ts';
import { createUserVerifier } from './user-verifier.ts';

const p256 = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const home = p256();
const foreign = p256();
const jwk = (key: KeyObject, kid: string) => ({ ...key.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' });
const keys = createLocalJWKSet({ keys: [jwk(home.publicKey, 'k1')] });
const at = 1_790_000_000;
const clock =
  (seconds = 0) =>
  () =>
    new Date((at + seconds) * 1_000);
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

type Claims = Record<string, unknown>;
const goodHeader = { alg: 'ES256', typ: 'at+jwt', kid: 'k1' };
const good: Claims = {
  iss: 'https://id.cn.example',
  aud: 'meridian',
  sub: 'acc_cn_1',
  sid: 'ses_cn_1',
  jti: 'j1',
  region: 'cn',
  iat: at - 10,
  exp: at + 290,
  client_id: 'web',
};
/** Signs whatever it is given: a token library would refuse to make most of these. */
const forge = (claims: Claims, header: Claims = goodHeader, key: KeyObject = home.privateKey): string => {
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
};
/** Signs under the name of an algorithm that is not ours, as well as that algorithm can. */
const otherAlgorithms = (claims: Claims, typ: string): [string, string][] => {
  const part = (alg: string) => `${encode({ alg, typ, kid: 'k1' })}.${encode(claims)}`;
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
  const publicPem = home.publicKey.export({ type: 'spki', format: 'pem' });
  const es384 = sign('sha384', Buffer.from(part('ES384')), { key: p384, dsaEncoding: 'ieee-p1363' });
  return [
    ['alg none', `${part('none')}.`],
    [
      'HS256 with the public key',
      `${part('HS256')}.${createHmac('sha256', publicPem).update(part('HS256')).digest('base64url')}`,
    ],
    ['ES384', `${part('ES384')}.${es384.toString('base64url')}`],
    ['ES256 by name, signed otherwise', `${part('ES256')}.${'A'.repeat(86)}`],
  ];
};
const lacking = (claims: Claims, name: string) =>
  Object.fromEntries(Object.entries(claims).filter(([claim]) => claim !== name));
const without = (name: string) => lacking(good, name);
const settings = { issuer: 'https://id.cn.example', audience: 'meridian', region: 'cn', keys, now: clock() };
const verify = createUserVerifier(settings);
const unauthenticated = { code: 'unauthenticated', definition: { status: 401 } };

describe('user tokens', () => {
  test('a good token gives account and session', async () => {
    await expect(verify(forge(good))).resolves.toEqual({ accountId: 'acc_cn_1', sessionId: 'ses_cn_1' });
    await expect(verify(forge({ ...good, aud: ['other', 'meridian'] }))).resolves.toMatchObject({
      accountId: 'acc_cn_1',
    });
  });

  test.each(['iss', 'aud', 'sub', 'exp', 'iat', 'jti', 'region', 'sid'])(
    'a token without %s is refused',
    async (claim) => {
      await expect(verify(forge(without(claim)))).rejects.toMatchObject(unauthenticated);
    },
  );

  const cases: [string, string][] = [
    ['another typ', forge(good, { ...goodHeader, typ: 'JWT' })],
    ['no typ', forge(good, { alg: 'ES256', kid: 'k1' })],
    ['a typ that is no string', forge(good, { ...goodHeader, typ: 7 })],
    ['an id_token', forge({ ...good, nonce: 'n', aud: 'web' }, { ...goodHeader, typ: 'JWT' })],
    ['a service token', forge(good, { ...goodHeader, typ: 'svc+jwt' })],
    ...otherAlgorithms(good, 'at+jwt'),
    ['a list as issuer', forge({ ...good, iss: ['https://id.cn.example'] })],
    ['another issuer', forge({ ...good, iss: 'https://id.example' })],
    ['another audience', forge({ ...good, aud: 'meridian-staff' })],
    ['an unknown critical header', forge(good, { ...goodHeader, crit: ['x'], x: 1 })],
    ['an unknown key id', forge(good, { ...goodHeader, kid: 'k2' })],
    ["another key under our key's id", forge(good, goodHeader, foreign.privateKey)],
    ['an embedded key', forge(good, { ...goodHeader, jwk: jwk(foreign.publicKey, 'k1') }, foreign.privateKey)],
    ['an expired token', forge({ ...good, exp: at - 6 })],
    ['a token not valid yet', forge({ ...good, nbf: at + 6 })],
    ['a token from the future', forge({ ...good, iat: at + 6 })],
    ['exp as text', forge({ ...good, exp: '9999999999' })],
    ['sub as a number', forge({ ...good, sub: 7 })],
    ['an oversized token', forge({ ...good, filler: 'x'.repeat(5_000) })],
    ['garbage', 'garbage'],
    ['empty', ''],
    ['three empty parts', '..'],
    ['an encrypted token', `${encode({ alg: 'dir', enc: 'A256GCM' })}....`],
    ['claims that are no object', `${encode(goodHeader)}.${encode('text')}.AAAA`],
    ['a region that is no string', forge({ ...good, region: ['cn'] })],
    ['a region that is no region id', forge({ ...good, region: '<script>' })],
  ];
  test.each(cases)('%s is 401', async (_, token) => {
    await expect(verify(token)).rejects.toMatchObject(unauthenticated);
  });

  test('5 seconds of clock difference are tolerated, no more', async () => {
    await expect(verify(forge({ ...good, exp: at - 4 }))).resolves.toBeDefined();
    await expect(verify(forge({ ...good, iat: at + 4 }))).resolves.toBeDefined();
  });

  test("another region's token is refused by name, with its address where the directory has it", async () => {
    const token = forge(
      { ...good, region: 'global', iss: 'https://id.global.example' },
      goodHeader,
      foreign.privateKey,
    );
    const plain = await verify(token).catch((error: unknown) => error);
    expect(plain).toMatchObject({
      code: 'region_mismatch',
      definition: { status: 421 },
      members: { region: 'global' },
    });
    expect((plain as Error).message).toContain('global');
    const told = createUserVerifier({
      ...settings,
      directory: { global: { addresses: { api: 'https://api.global.example' } } },
    });
    await expect(told(token)).rejects.toMatchObject({ members: { address: 'https://api.global.example' } });
    const hostile = createUserVerifier({ ...settings, directory: {} });
    await expect(hostile(forge({ ...good, region: 'constructor' }))).rejects.toMatchObject({
      members: expect.not.objectContaining({ address: expect.anything() }),
    });
  });
  test('a swapped region claim never passes: with the right key it is the other region, with our name and their key it is 401', async () => {
    await expect(verify(forge({ ...good, region: 'global' }))).rejects.toMatchObject({ code: 'region_mismatch' });
    await expect(verify(forge(good, goodHeader, foreign.privateKey))).rejects.toMatchObject(unauthenticated);
  });

  test('not-before is asked with account, session and time of issue, for every request', async () => {
    const asked: unknown[] = [];
    let ended = false;
    const guarded = createUserVerifier({
      ...settings,
      notBefore: async (...question) => {
        asked.push(question);
        return ended;
      },
    });
    const token = forge(good);
    await guarded(token);
    ended = true;
    await expect(guarded(token)).rejects.toMatchObject(unauthenticated);
    expect(asked).toEqual(Array(2).fill(['acc_cn_1', 'ses_cn_1', new Date((at - 10) * 1_000)]));
  });
  test('keys that cannot be fetched are an outage, not a verdict', async () => {
    const down = createUserVerifier({
      ...settings,
      keys: async () => {
        throw Object.assign(new Error('down'), { code: 'unreachable' });
      },
    });
    await expect(down(forge(good))).rejects.toMatchObject({ code: 'unreachable' });
  });
});

describe('staff tokens', () => {
  const staff = { ...without('sid'), aud: 'meridian-staff', sub: 'stf_1', roles: ['reviewer', 'emperor'] };
  const header = { ...goodHeader, typ: 'staff+jwt' };
  const verifyStaff = createStaffVerifier({ issuer: settings.issuer, region: 'cn', keys, now: clock() });
  test('known roles are kept, unknown ones dropped', async () => {
    await expect(verifyStaff(forge(staff, header))).resolves.toEqual({ staffId: 'stf_1', roles: ['reviewer'] });
  });
  test.each([
    ['a user token', forge(good)],
    ['a user token with roles', forge({ ...good, roles: ['admin'] })],
    ['roles that are no list', forge({ ...staff, roles: 'admin' }, header)],
    ['no roles', forge({ ...staff, roles: undefined }, header)],
    ["the users' audience", forge({ ...staff, aud: 'meridian' }, header)],
    ['another issuer', forge({ ...staff, iss: 'https://id.example' }, header)],
    ['an expired token', forge({ ...staff, exp: at - 6 }, header)],
    ...['exp', 'iss', 'aud', 'iat', 'sub', 'jti', 'region'].map((claim): [string, string] => [
      `a token without ${claim}`,
      forge(lacking(staff, claim), header),
    ]),
    ...otherAlgorithms(staff, 'staff+jwt'),
  ])('%s is 401', async (_, token) => {
    await expect(verifyStaff(token)).rejects.toMatchObject(unauthenticated);
  });
});

describe('service tokens', () => {
  const publicKeys = { gateway: jwk(home.publicKey, 'g') };
  const mint = (now = clock(), key = home.privateKey, region = 'cn') =>
    createServiceTokens({ service: 'gateway', region, privateKey: key, now });
  const verifier = (now = clock()) =>
    createServiceVerifier({ service: 'billing', region: 'cn', keys: publicKeys, now });
  const header = { alg: 'ES256', typ: 'svc+jwt' };
  const claims = { iss: 'gateway', sub: 'gateway', aud: 'billing', jti: 'x', region: 'cn', iat: at, exp: at + 60 };

  test('a minted token is accepted by the service it was made for, and by no other', async () => {
    await expect(verifier()(await mint().tokenFor('billing'))).resolves.toEqual({ caller: 'gateway' });
    await expect(verifier()(await mint().tokenFor('identity'))).rejects.toMatchObject(unauthenticated);
  });
  test('a token is reused for 40 s and replaced after', async () => {
    let now = 0;
    const tokens = mint(() => new Date((at + now) * 1_000));
    const first = await tokens.tokenFor('billing');
    now = 39;
    expect(await tokens.tokenFor('billing')).toBe(first);
    now = 41;
    expect(await tokens.tokenFor('billing')).not.toBe(first);
  });
  test.each([
    ['an unknown caller', forge({ ...claims, iss: 'nobody' }, header)],
    ['a caller without a key here', forge({ ...claims, iss: 'identity', sub: 'identity' }, header)],
    ["another's subject", forge({ ...claims, sub: 'billing' }, header)],
    ['a long-lived token', forge({ ...claims, exp: at + 3_600 }, header)],
    ['another key', forge(claims, header, foreign.privateKey)],
    ['a user token', forge(good)],
    ['another audience', forge({ ...claims, aud: 'identity' }, header)],
    ['an expired token', forge({ ...claims, iat: at - 66, exp: at - 6 }, header)],
    ...['exp', 'iss', 'aud', 'iat', 'sub', 'jti', 'region'].map((claim): [string, string] => [
      `a token without ${claim}`,
      forge(lacking(claims, claim), header),
    ]),
    ...otherAlgorithms(claims, 'svc+jwt'),
    ['garbage', 'x.y.z'],
  ])('%s is 401', async (_, token) => {
    await expect(verifier()(token)).rejects.toMatchObject(unauthenticated);
  });
  test("another region's service is refused by name", async () => {
    await expect(
      verifier()(await mint(clock(), foreign.privateKey, 'global').tokenFor('billing')),
    ).rejects.toMatchObject({ code: 'region_mismatch' });
  });
  test('a proved caller is remembered until the token expires, and forgotten when keys change', async () => {
    let now = 0;
    const check = verifier(() => new Date((at + now) * 1_000));
    const token = await mint().tokenFor('billing');
    await check(token);
    now = 66;
    await expect(check(token)).rejects.toMatchObject(unauthenticated);
    now = 0;
    await check(token);
    check.replaceKeys({ gateway: jwk(foreign.publicKey, 'g') });
    await expect(check(token)).rejects.toMatchObject(unauthenticated);
  });
  test('a remembered token is not verified again; the memory holds the latest 1,000', async () => {
    let verified = 0;
    const counting = {
      get gateway() {
        verified += 1;
        return publicKeys.gateway;
      },
    };
    const check = createServiceVerifier({ service: 'billing', region: 'cn', keys: counting, now: clock() });
    const many = Array.from({ length: 1_001 }, () => forge({ ...claims, jti: randomUUID() }, header));
    for (const token of many) await check(token);
    expect(verified).toBe(1_001);
    await check(many.at(-1) ?? '');
    expect(verified).toBe(1_001);
    await check(many[0] ?? '');
    expect(verified).toBe(1_002);
  });
});

test('constant-time comparison compares content and length', () => {
  expect(equalInConstantTime('abc', 'abc')).toBe(true);
  expect(equalInConstantTime('abc', new Uint8Array([97, 98, 99]))).toBe(true);
  expect(equalInConstantTime('abc', 'abd')).toBe(false);
  expect(equalInConstantTime('abc', 'abcd')).toBe(false);
});
