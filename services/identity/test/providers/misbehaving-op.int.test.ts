// A misbehaving OpenID provider against everything here that trusts one: Google, Apple and staff sign-in. One case per relying-party module of the
// OpenID conformance suite, by its name.
import { randomBytes } from 'node:crypto';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { createStaffProvider } from '../../src/staff/staff-provider.ts';
import { type Logins, startLogins } from '../support/login-stand.ts';

let logins: Logins;
beforeAll(async () => {
  logins = await startLogins();
  await logins.json('PUT', '/control/oidc/redirect-uris/cn', { redirectUris: [staffRedirect] });
}, 60_000);
afterAll(() => logins?.stop());
beforeEach(() => logins.reset());

const staffRedirect = 'http://127.0.0.1:9/staff/v1/sign-in/callback';
const random = () => randomBytes(32).toString('base64url');

/** A relying party that keeps its keys and metadata between sign-ins; `signIn` answers the subject. */
type RelyingParty = { signIn: () => Promise<string>; token: string; userinfo: string };
const federated = (name: 'google' | 'apple', token: string, userinfo: string) => (): RelyingParty => {
  const client = logins.provider(name);
  return { signIn: async () => (await logins.login(name, 'olga', client)).subjectIds[0].value, token, userinfo };
};
const staff = (): RelyingParty => {
  const { issuer, clientId, clientSecret } = logins.outside.oidc;
  const log = createLog({
    service: 'test',
    region: 'cn',
    level: 'silent',
    destination: new Writable({ write: (_c, _e, done) => done() }),
  });
  const provider = createStaffProvider({
    issuer,
    clientId,
    clientSecret,
    redirectUri: staffRedirect,
    allowInsecure: true,
    log,
  });
  return {
    signIn: async () => {
      const secrets = { state: random(), nonce: random(), codeVerifier: random() };
      const back = await logins.choose(await provider.authorizationUrl(secrets), 'ada');
      return (await provider.redeem(back ?? {}, secrets)).subject;
    },
    token: 'POST /oidc/token',
    userinfo: 'GET /oidc/userinfo',
  };
};

describe.each([
  ['google', 'google', federated('google', 'POST /google/token', 'GET /google/v1/userinfo')],
  ['apple', 'apple', federated('apple', 'POST /apple/auth/token', 'GET /apple/userinfo')],
  ['staff', 'oidc', staff],
] as const)('%s', (_who, part, create) => {
  const subject = async () => {
    const { signIn } = create();
    return signIn();
  };
  const refused = async (faults: object) => {
    const party = create();
    const expected = await party.signIn();
    await logins.control(part, faults);
    const error = await party.signIn().then(
      () => undefined,
      (refusal: unknown) => refusal,
    );
    // Refused for what it is, and not because something else broke on the way.
    if (part !== 'oidc')
      expect(error).toMatchObject({ code: expect.stringMatching(/^(provider_error|invalid_callback)$/) });
    else expect(error).toMatchObject({ code: expect.stringMatching(/^(OAUTH_|ERR_J)/) });
    await logins.control(part, {});
    // Nothing of it stays: the next one is who they were.
    expect(await party.signIn()).toBe(expected);
  };

  test.each([
    ['oidcc-client-test-invalid-iss', 'issuer'],
    ['oidcc-client-test-invalid-aud', 'audience'],
    ['oidcc-client-test-missing-aud', 'no_audience'],
    ['oidcc-client-test-missing-sub', 'no_subject'],
    ['oidcc-client-test-missing-iat', 'no_issued_at'],
    ['oidcc-client-test-invalid-sig-rs256', 'signature'],
    ['oidcc-client-test-invalid-sig-es256', 'signature_es256'],
    ['oidcc-client-test-invalid-sig-hs256', 'signature_hs256'],
    ['oidcc-client-test-idtoken-sig-none', 'alg_none'],
    ['oidcc-client-test-nonce-invalid', 'nonce'],
    ['an id_token without a nonce', 'no_nonce'],
    ['an id_token that expired an hour ago', 'expired'],
    ['an id_token of a key that nobody knows', 'unknown_kid'],
  ])('%s is refused', async (_module, wrong) => {
    await refused({ idToken: { wrong, times: 1 } });
  });

  test('oidcc-client-test-kid-absent-single-jwks is accepted', async () => {
    const expected = await subject();
    await logins.control(part, { unnamedKeys: 'single' });
    expect(await subject()).toBe(expected);
  });
  test('oidcc-client-test-kid-absent-multiple-jwks is refused: no key is guessed', async () => {
    await logins.control(part, { unnamedKeys: 'multiple' });
    await expect(subject()).rejects.toThrow();
  });
  test('oidcc-client-test-userinfo-invalid-sub: the person is the id_token’s, userinfo is not asked', async () => {
    const expected = await subject();
    await logins.control(part, { otherSubject: {} });
    expect(await subject()).toBe(expected);
    expect((await logins.requests(part)).byRoute[create().userinfo]).toBeUndefined();
  });
  test('oidcc-client-test-signing-key-rotation: the new key is fetched', async () => {
    const party = create();
    const expected = await party.signIn();
    await logins.json('POST', `/control/${part}/rotate-keys`);
    // Beyond the libraries' cool-down against floods of unknown key ids.
    logins.clock.move(61_000);
    expect(await party.signIn()).toBe(expected);
  });
  test('oidcc-client-test-discovery-issuer-mismatch is refused before anybody is sent there', async () => {
    await logins.control(part, { discoveryIssuer: { times: 1 } });
    const party = create();
    await expect(party.signIn()).rejects.toThrow();
    expect((await logins.requests(part)).byRoute[party.token]).toBeUndefined();
    expect(await party.signIn()).toBe(await subject());
  });
  test.each([
    ['issuer', 'issuer'],
    ['sub', 'subject'],
  ])(
    'oidcc-client-test-refresh-token-invalid-%s: nobody is ever signed in by a refreshed id_token',
    async (_module, wrong) => {
      const expected = await subject();
      await logins.reset();
      await logins.control(part, { refreshedIdToken: { wrong } });
      const party = create();
      expect(await party.signIn()).toBe(expected);
      // One request to the token endpoint: the code's.
      expect((await logins.requests(part)).byRoute[party.token]).toBe(1);
    },
  );
  test('mix-up: another state and another issuer in the answer are refused', async () => {
    await refused({ wrongState: { times: 1 } });
    await refused({ wrongIssuerParameter: { times: 1 } });
  });
  test('a provider that is down is asked again', async () => {
    await logins.control(part, { fail: { status: 503 } });
    const party = create();
    await expect(party.signIn()).rejects.toThrow();
    await logins.reset();
    expect(await party.signIn()).toBe(await subject());
  });
});
