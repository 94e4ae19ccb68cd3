import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startTestSandbox, type TestSandbox } from './support/sandbox.ts';

const redirectUri = 'http://127.0.0.1:9999/staff/callback';
let sandbox: TestSandbox;
beforeAll(async () => {
  sandbox = await startTestSandbox();
  await sandbox.json('PUT', '/control/oidc/redirect-uris/cn', { redirectUris: [redirectUri] });
});
afterAll(() => sandbox.stop());
beforeEach(() => sandbox.json('DELETE', '/control'));

const verifier = randomBytes(32).toString('base64url');
const challenge = createHash('sha256').update(verifier).digest('base64url');
const parameters = (changes: Record<string, string> = {}) => ({
  client_id: sandbox.of('cn').oidc.clientId,
  redirect_uri: redirectUri,
  response_type: 'code',
  scope: 'openid profile',
  state: 'state-1',
  nonce: 'nonce-1',
  code_challenge: challenge,
  code_challenge_method: 'S256',
  ...changes,
});
const post = (path: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
  fetch(sandbox.origin + path, { method: 'POST', body: new URLSearchParams(form), headers, redirect: 'manual' });
const choose = async (person: string, changes: Record<string, string> = {}) => {
  const answer = await post('/oidc/authorize', { ...parameters(changes), person });
  return { status: answer.status, back: new URL(answer.headers.get('location') ?? 'http://none/') };
};
const redeem = async (
  code: string,
  changes: Record<string, string> = {},
  { basic = true, secret = sandbox.of('cn').oidc.clientSecret } = {},
) => {
  const { clientId } = sandbox.of('cn').oidc;
  const form = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    code_verifier: verifier,
    ...changes,
  };
  const answer = basic
    ? await post('/oidc/token', form, {
        authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`,
      })
    : await post('/oidc/token', { ...form, client_id: clientId, client_secret: secret });
  return { status: answer.status, body: (await answer.json()) as Record<string, string> };
};
const codeFor = async (person: string) => (await choose(person)).back.searchParams.get('code') ?? '';
const decode = (part = '') => JSON.parse(Buffer.from(part, 'base64url').toString());
const readToken = async (token: string) => {
  const [head = '', payload = '', signature = ''] = token.split('.');
  const { keys } = (await sandbox.json('GET', '/oidc/jwks')).body;
  const key = keys.find((k: { kid: string }) => k.kid === decode(head).kid);
  const valid =
    key !== undefined &&
    verify(
      'sha256',
      Buffer.from(`${head}.${payload}`),
      createPublicKey({ key, format: 'jwk' }),
      Buffer.from(signature, 'base64url'),
    );
  return { head: decode(head), claims: decode(payload), valid };
};

describe('staff sign-in', () => {
  test('discovery names the issuer it is served under', async () => {
    const { issuer } = sandbox.of('cn').oidc;
    const { body } = await sandbox.json('GET', '/oidc/.well-known/openid-configuration');
    expect(body).toMatchObject({
      issuer,
      token_endpoint: `${issuer}/token`,
      code_challenge_methods_supported: ['S256'],
    });
  });
  test('the choosing page carries the request and names every person', async () => {
    const answer = await fetch(`${sandbox.origin}/oidc/authorize?${new URLSearchParams(parameters())}`);
    const page = await answer.text();
    for (const name of ['Rita Reyes', 'Ravi Rao', 'Fiona Fang', 'Sami Sato', 'Ada Adler', 'Nora Novak'])
      expect(page).toContain(name);
    expect(page).toContain(`value="${challenge}"`);
    expect(page).not.toContain('<script');
  });
  test.each([
    ['staff-rita', ['reviewer']],
    ['staff-ada', ['admin']],
    ['staff-nora', []],
  ])('%s signs in with her roles', async (person, roles) => {
    const { status, back } = await choose(person);
    expect(status).toBe(303);
    expect(back.href.startsWith(redirectUri)).toBe(true);
    expect(back.searchParams.get('state')).toBe('state-1');
    expect(back.searchParams.get('iss')).toBe(sandbox.of('cn').oidc.issuer);
    const { body } = await redeem(back.searchParams.get('code') ?? '');
    const { head, claims, valid } = await readToken(body.id_token ?? '');
    expect(valid).toBe(true);
    expect(head.alg).toBe('RS256');
    expect(claims).toMatchObject({
      iss: sandbox.of('cn').oidc.issuer,
      aud: sandbox.of('cn').oidc.clientId,
      sub: person,
      nonce: 'nonce-1',
      roles,
    });
    const info = await fetch(`${sandbox.origin}/oidc/userinfo`, {
      headers: { authorization: `Bearer ${body.access_token}` },
    });
    expect(await info.json()).toMatchObject({ sub: person, roles });
  });
  test('client_secret_post works too', async () => {
    expect((await redeem(await codeFor('staff-rita'), {}, { basic: false })).status).toBe(200);
  });
});

describe('strictness', () => {
  test.each([
    ['another redirect URI', { redirect_uri: `${redirectUri}/` }],
    ['an unknown client', { client_id: 'somebody' }],
    ["the other region's client with this region's URI", { client_id: '' }],
  ])('refuses %s without redirecting', async (what, changes) => {
    const asked = what.startsWith('the other') ? { client_id: sandbox.of('global').oidc.clientId } : changes;
    const { status } = await choose('staff-rita', asked);
    expect(status).toBe(400);
  });
  test.each([
    ['PKCE plain', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['no PKCE', { code_challenge: '' }, 'invalid_request'],
    ['no openid scope', { scope: 'profile' }, 'invalid_scope'],
    ['the implicit flow', { response_type: 'id_token' }, 'unsupported_response_type'],
  ])('sends %s back as an error', async (_what, changes, error) => {
    const { back } = await choose('staff-rita', changes);
    expect(back.searchParams.get('error')).toBe(error);
    expect(back.searchParams.get('code')).toBeNull();
  });
  test('a person who does not sign in is access_denied', async () => {
    expect((await choose('')).back.searchParams.get('error')).toBe('access_denied');
  });
  test('a code works once; the second use also ends the access token', async () => {
    const code = await codeFor('staff-rita');
    const { body } = await redeem(code);
    const info = () =>
      fetch(`${sandbox.origin}/oidc/userinfo`, { headers: { authorization: `Bearer ${body.access_token}` } });
    expect((await info()).status).toBe(200);
    expect(await redeem(code)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect((await info()).status).toBe(401);
  });
  test('a code ends after 60 seconds', async () => {
    const code = await codeFor('staff-rita');
    sandbox.moveClock(61_000);
    expect(await redeem(code)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });
  test.each([
    ['a wrong verifier', { code_verifier: randomBytes(32).toString('base64url') }],
    ['another redirect URI', { redirect_uri: `${redirectUri}?x=1` }],
  ])('refuses %s at the token endpoint', async (_what, changes) => {
    expect(await redeem(await codeFor('staff-rita'), changes)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    });
  });
  test('refuses a wrong client secret', async () => {
    expect(await redeem(await codeFor('staff-rita'), {}, { secret: 'wrong' })).toMatchObject({
      status: 401,
      body: { error: 'invalid_client' },
    });
  });
});

describe('misbehaviour', () => {
  const tokenWith = async (wrong: string) => {
    await sandbox.control('oidc', { idToken: { wrong, times: 1 } });
    return readToken((await redeem(await codeFor('staff-rita'))).body.id_token ?? '');
  };
  test('gives out id_tokens that are wrong in one way each', async () => {
    expect((await tokenWith('issuer')).claims.iss).not.toBe(sandbox.of('cn').oidc.issuer);
    expect((await tokenWith('audience')).claims.aud).not.toBe(sandbox.of('cn').oidc.clientId);
    expect((await tokenWith('nonce')).claims.nonce).not.toBe('nonce-1');
    expect((await tokenWith('no_nonce')).claims).not.toHaveProperty('nonce');
    expect((await tokenWith('no_subject')).claims).not.toHaveProperty('sub');
    expect((await tokenWith('signature')).valid).toBe(false);
    expect((await tokenWith('expired')).claims.exp).toBeLessThan(sandbox.now().getTime() / 1000);
    expect((await tokenWith('alg_none')).head.alg).toBe('none');
    expect((await tokenWith('unknown_kid')).head.kid).toBe('unknown');
    expect((await readToken((await redeem(await codeFor('staff-rita'))).body.id_token ?? '')).valid).toBe(true);
  });
  test('mixes up state, issuer parameter and subject on request', async () => {
    await sandbox.control('oidc', {
      wrongState: { times: 1 },
      wrongIssuerParameter: { times: 1 },
      otherSubject: { times: 1 },
    });
    const { back } = await choose('staff-rita');
    expect(back.searchParams.get('state')).not.toBe('state-1');
    expect(back.searchParams.get('iss')).not.toBe(sandbox.of('cn').oidc.issuer);
    const { body } = await redeem(back.searchParams.get('code') ?? '');
    const info = await fetch(`${sandbox.origin}/oidc/userinfo`, {
      headers: { authorization: `Bearer ${body.access_token}` },
    });
    expect(((await info.json()) as { sub: string }).sub).not.toBe('staff-rita');
  });
});
