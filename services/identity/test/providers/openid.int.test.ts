// Google and Apple: what is theirs alone.
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { failure, type Logins, startLogins } from '../support/login-stand.ts';

let logins: Logins;
beforeAll(async () => {
  logins = await startLogins();
}, 60_000);
afterAll(() => logins?.stop());
beforeEach(async () => {
  await logins.reset();
  await logins.json('POST', '/control/apple/forget-consents');
});
const begin = async (name: 'google' | 'apple', person: string) => {
  const [client, flow] = [logins.provider(name), logins.newFlow(name)];
  return { client, flow, back: (await logins.choose(await client.authorizeUrl(flow), person)) ?? {} };
};

describe.each(['google', 'apple'] as const)('%s', (name) => {
  test('a refusal is denied_by_user', async () => {
    expect(await failure(logins.login(name, ''))).toMatch(/^denied_by_user /);
  });
  test('a code works once, and not for another flow', async () => {
    const [mine, theirs] = [await begin(name, 'olga'), await begin(name, 'mei')];
    const injected = { ...mine.back, code: theirs.back.code ?? '' };
    expect(await failure(mine.client.exchange(injected, mine.flow))).toMatch(/^(invalid_callback|provider_error) /);
    await mine.client.exchange(mine.back, mine.flow);
    expect(await failure(mine.client.exchange(mine.back, mine.flow))).toBe('invalid_callback (invalid_grant)');
  });
  test('each error of the token endpoint keeps its word', async () => {
    await logins.control(name, { tokenError: { error: 'invalid_client', times: 1 } });
    expect(await failure(logins.login(name, 'olga'))).toBe('provider_error (invalid_client)');
    await logins.control(name, { tokenError: { error: 'invalid_grant', times: 1 } });
    expect(await failure(logins.login(name, 'olga'))).toBe('invalid_callback (invalid_grant)');
    await logins.control(name, { tokenError: { error: '<script>', times: 1 } });
    expect(await failure(logins.login(name, 'olga'))).toBe('provider_error (unreadable)');
  });
  test.each(['string', 'boolean'])('email_verified as a %s', async (claimForm) => {
    await logins.control(name, { claimForm });
    expect((await logins.login(name, 'olga')).email).toMatchObject({ value: 'olga@example.net', verified: true });
    expect((await logins.login(name, 'uwe')).email).toMatchObject({ value: 'uwe@example.net', verified: false });
    await logins.control(name, { claimForm, email: 'not_verified' });
    expect((await logins.login(name, 'olga')).email?.verified).toBe(false);
  });
  test('no address is no obstacle', async () => {
    await logins.control(name, { email: 'absent' });
    expect((await logins.login(name, 'olga')).email).toBeUndefined();
    await logins.reset();
    expect((await logins.login(name, 'nell')).email).toBeUndefined();
  });
});

describe('google', () => {
  test('asks with PKCE S256 and a nonce', async () => {
    const flow = logins.newFlow('google');
    const url = await logins.provider('google').authorizeUrl(flow);
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      code_challenge_method: 'S256',
      nonce: flow.nonce,
      state: flow.state,
    });
    expect(url.href).not.toContain(flow.codeVerifier);
  });
  test('both forms of iss are Google', async () => {
    const withScheme = await logins.login('google', 'olga');
    await logins.control('google', { bareIssuer: true });
    expect(await logins.login('google', 'olga')).toEqual(withScheme);
  });
  test('an answer without iss is refused, as the provider promises it', async () => {
    const { client, flow, back } = await begin('google', 'olga');
    const { iss: _iss, ...without } = back;
    expect(await failure(client.exchange(without, flow))).toBe('invalid_callback (iss)');
  });
  test('a wrong secret of ours is provider_error', async () => {
    const client = logins.provider('google', { GOOGLE_CLIENT_SECRET: 'a-wrong-secret-of-ours' });
    expect(await failure(logins.login('google', 'olga', client))).toBe('provider_error (invalid_client)');
  });
});

describe('apple', () => {
  test('the answer is a form, the name comes once, and the refresh token is kept for revoking', async () => {
    const client = logins.provider('apple');
    expect(client.callback).toBe('form_post');
    const first = await logins.login('apple', 'olga', client);
    expect(first).toMatchObject({ displayName: expect.stringContaining('lga'), revocationToken: expect.any(String) });
    const second = await logins.login('apple', 'olga', client);
    expect(second.displayName).toBeUndefined();
    expect(second.subjectIds).toEqual(first.subjectIds);
    await client.revoke?.(first.revocationToken ?? '');
    // Revoked: Apple asks anew, and tells the name again.
    expect((await logins.login('apple', 'olga', client)).displayName).toBeDefined();
    await client.revoke?.('a-token-that-nobody-knows');
  });
  test('an address in the unsigned user of the form is never taken', async () => {
    await logins.control('apple', { forgedUserEmail: 'victim@example.com' });
    expect((await logins.login('apple', 'olga')).email?.value).toBe('olga@example.net');
    await logins.control('apple', { forgedUserEmail: 'victim@example.com', email: 'absent' });
    expect((await logins.login('apple', 'olga')).email).toBeUndefined();
  });
  test('a broken user of the form costs the name only', async () => {
    const { client, flow, back } = await begin('apple', 'olga');
    expect((await client.exchange({ ...back, user: '{"name":' }, flow)).displayName).toBeUndefined();
  });
  test.each(['string', 'boolean'])('a relay address is told as one (%s)', async (claimForm) => {
    await logins.control('apple', { email: 'private_relay', claimForm });
    expect((await logins.login('apple', 'olga')).email).toEqual({
      value: expect.stringMatching(/@privaterelay\.appleid\.com$/),
      verified: true,
      privateRelay: true,
    });
  });
  test.each([
    [
      'another key',
      {
        APPLE_PRIVATE_KEY: generateKeyPairSync('ec', { namedCurve: 'P-256' })
          .privateKey.export({ type: 'pkcs8', format: 'pem' })
          .toString(),
      },
    ],
    ['another key id', { APPLE_KEY_ID: 'ABCDEFGHIJ' }],
    ['another team', { APPLE_TEAM_ID: 'ABCDEFGHIJ' }],
  ])('a client secret of %s is refused by Apple', async (_what, env) => {
    expect(await failure(logins.login('apple', 'olga', logins.provider('apple', env)))).toBe(
      'provider_error (invalid_client)',
    );
  });
  test('the provider demands form_post for the scopes we ask', async () => {
    const url = await logins.provider('apple').authorizeUrl(logins.newFlow('apple'));
    expect(url.searchParams.get('response_mode')).toBe('form_post');
    url.searchParams.set('response_mode', 'query');
    expect((await fetch(url)).status).toBe(400);
  });
});
