import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { accountRegistered } from '@meridian/contracts/events/lifecycle.ts';
import {
  createSession,
  endSession,
  getAccount,
  getAuthorizationServer,
  introspectToken,
  refreshSession,
} from '@meridian/contracts/identity.ts';
import { remoteKeys } from '@meridian/kit/auth/remote-keys.ts';
import { createUserVerifier } from '@meridian/kit/auth/user-verifier.ts';
import { createDatabase } from '@meridian/kit/db/database.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { request } from 'undici';
import { deriveKey } from '../src/crypto/mac.ts';
import type { IdentitySchema } from '../src/db/schema.ts';
import { rotateSigningKeys } from '../src/keys/rotate-signing-keys.ts';
import { problemOf, type Stand, startStand, waitFor } from './support/stand.ts';

const cookieName = '__Host-meridian-refresh';
let stand: Stand;
beforeAll(async () => {
  stand = await startStand({ region: 'global' });
}, 60_000);
afterAll(() => stand?.stop());

/** A browser: keeps the one cookie, names the page it is on. */
const startBrowser = (origin: string | undefined) => {
  let cookie: string | undefined;
  let attributes = '';
  let caller = 0;
  const send = async (method: 'POST' | 'DELETE', path: string, body?: object, token?: string) => {
    const answer = await request(`${stand.urls().publicUrl}${path}`, {
      method,
      headers: {
        'x-forwarded-for': `203.0.113.${++caller}`,
        ...(body && { 'content-type': 'application/json' }),
        ...(origin && { origin }),
        ...(cookie && { cookie: `${cookieName}=${cookie}` }),
        ...(token && { authorization: `Bearer ${token}` }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const set = [answer.headers['set-cookie'] ?? []].flat().find((line) => line.startsWith(`${cookieName}=`));
    if (set !== undefined) {
      const [pair = '', ...rest] = set.split('; ');
      cookie = pair.slice(cookieName.length + 1) || undefined;
      attributes = rest.join('; ');
    }
    const text = await answer.body.text();
    return { status: answer.statusCode, body: (text ? JSON.parse(text) : {}) as Record<string, string | null> };
  };
  return {
    send,
    cookie: () => cookie,
    attributes: () => attributes,
    setCookie: (value: string | undefined) => {
      cookie = value;
    },
    signIn: async () => {
      const identifier = stand.identifiers.email();
      const code = await stand.codeFor(identifier);
      return send('POST', '/v1/sessions', {
        ...code,
        identifier,
        termsVersion: stand.termsVersion,
        delivery: 'cookie',
      });
    },
  };
};
const page = () => stand.profile.corsOrigins[0] as string;

describe('a browser', () => {
  test('gets its refresh token in a __Host- cookie that no script reads, and the access token in the body', async () => {
    const browser = startBrowser(page());
    const { status, body } = await browser.signIn();
    expect(status).toBe(201);
    expect(body.refreshToken).toBeNull();
    expect(body.accessToken).toEqual(expect.any(String));
    for (const part of ['Path=/', 'HttpOnly', 'Secure', 'SameSite=Strict'])
      expect(browser.attributes()).toContain(part);
    expect(browser.attributes()).not.toContain('Domain');
    const before = browser.cookie();
    const refreshed = await browser.send('POST', '/v1/sessions/refresh', {});
    expect(refreshed).toMatchObject({ status: 200, body: { refreshToken: null, sessionId: body.sessionId } });
    expect(browser.cookie()).not.toBe(before);
    const out = await browser.send('DELETE', '/v1/sessions/current', undefined, String(refreshed.body.accessToken));
    expect(out.status).toBe(204);
    expect(browser.cookie()).toBeUndefined();
  });

  test.each([
    ['another origin', 'https://evil.example'],
    ['no origin', undefined],
    ['a null origin', 'null'],
  ])('CSRF: a request with the cookie from %s is refused, and so is a sign-in into it', async (_, origin) => {
    const honest = startBrowser(page());
    await honest.signIn();
    const forged = startBrowser(origin);
    forged.setCookie(honest.cookie());
    expect(await forged.send('POST', '/v1/sessions/refresh', {})).toMatchObject({
      status: 403,
      body: { code: 'origin_not_allowed' },
    });
    expect(await forged.signIn()).toMatchObject({ status: 403, body: { code: 'origin_not_allowed' } });
    expect((await honest.send('POST', '/v1/sessions/refresh', {})).status).toBe(200);
  });

  test('a token out of the cookie is worth nothing in a body, and one out of a body nothing in the cookie', async () => {
    const browser = startBrowser(page());
    await browser.signIn();
    const refresh = (refreshToken: string) => problemOf(stand.ask(refreshSession, { body: { refreshToken } }));
    expect(await refresh(String(browser.cookie()))).toMatchObject({ code: 'refresh_invalid' });
    const native = await stand.signIn(stand.identifiers.email());
    const other = startBrowser(page());
    other.setCookie(native.refreshToken);
    expect(await other.send('POST', '/v1/sessions/refresh', {})).toMatchObject({ status: 401 });
    expect((await browser.send('POST', '/v1/sessions/refresh', {})).status).toBe(200);
  });

  test('without a cookie there is nothing to refresh', async () => {
    expect(await startBrowser(page()).send('POST', '/v1/sessions/refresh', {})).toMatchObject({
      status: 401,
      body: { code: 'refresh_invalid' },
    });
  });
});

describe('introspection', () => {
  const introspect = async (token: string) =>
    (
      await stand.ask(introspectToken, {
        token: await stand.issuer.serviceToken({ caller: 'billing', audience: 'identity' }),
        body: { token },
      })
    ).body;

  test('tells at once that a session has ended, and every service is told by an event', async () => {
    const { accessToken, accountId, sessionId } = await stand.signIn(stand.identifiers.email());
    expect(await introspect(accessToken)).toEqual({
      active: true,
      sub: accountId,
      sid: sessionId,
      token_type: 'Bearer',
      restricted_until: null,
    });
    await stand.ask(endSession, { token: accessToken });
    expect(await introspect(accessToken)).toEqual({ active: false });
    const events = await waitFor('both events', async () => {
      const found = await stand.published(accountId);
      return found.length === 2 && found;
    });
    expect(events[0]?.type).toBe(accountRegistered.type);
    expect(events[1]).toMatchObject({ type: 'session-revoked.v1', data: { sessionId, reason: 'signed_out' } });
  });

  test('says no more than "not active" of a forged, a foreign and an expired token', async () => {
    const { accessToken } = await stand.signIn(stand.identifiers.email());
    const foreign = await stand.issuer.userToken({ accountId: 'acc_cn_01M81N00000000000000000000', region: 'cn' });
    for (const token of [`${accessToken.slice(0, -4)}AAAA`, 'nonsense', foreign])
      expect(await introspect(token)).toEqual({ active: false });
    stand.moveClock(306_000);
    expect(await introspect(accessToken)).toEqual({ active: false });
  });
});

test('RFC 8414: the metadata names the issuer and its keys, and offers no grant to third parties', async () => {
  const { body } = await stand.ask(getAuthorizationServer, {});
  expect(body).toMatchObject({ issuer: stand.env.ISSUER, jwks_uri: `${stand.env.ISSUER}/.well-known/jwks.json` });
  expect(body.grant_types_supported).toEqual([]);
});

test('oidcc-server-rotate-keys: no request fails while the signing key changes under load', async () => {
  const db = createDatabase<IdentitySchema>({
    url: String(stand.env.DATABASE_URL),
    poolSize: 2,
    log: createLog({ service: 'test', region: 'global', level: 'silent' }),
    applicationName: 'test',
  });
  // Another service: it knows the key set as it was before the rotation, the next key included.
  const verify = createUserVerifier({
    issuer: String(stand.env.ISSUER),
    audience: 'meridian',
    region: 'global',
    now: stand.now,
    keys: remoteKeys(`${stand.urls().publicUrl}/.well-known/jwks.json`, { allowInsecure: true }),
  });
  const people = await Promise.all(Array.from({ length: 4 }, () => stand.signIn(stand.identifiers.email())));
  const kids = new Set<string>();
  let done = false;
  let served = 0;
  const work = people.map(async ({ refreshToken, accountId }) => {
    let token = refreshToken;
    while (!done) {
      const { body } = await stand.ask(refreshSession, { body: { refreshToken: token } });
      token = body.refreshToken ?? '';
      kids.add(JSON.parse(Buffer.from(body.accessToken.split('.')[0] ?? '', 'base64url').toString()).kid);
      expect((await verify(body.accessToken)).accountId).toBe(accountId);
      await stand.ask(getAccount, { token: body.accessToken });
      served += 1;
    }
  });
  await waitFor('some requests', () => served > 8);
  const signingKeySeal = deriveKey(String(stand.env.SIGNING_KEY_SECRET), 'signing keys');
  const later = () => new Date(stand.now().getTime() + 31 * 24 * 3_600_000);
  expect(await db.transaction((tx) => rotateSigningKeys(tx, { now: later, signingKeySeal }))).toBe(true);
  stand.moveClock(31_000);
  await waitFor('the new key to sign', () => kids.size > 1);
  const before = served;
  await waitFor('more requests', () => served > before + 8);
  done = true;
  await Promise.all(work);
  await db.close();
  expect(kids.size).toBe(2);
}, 60_000);

test('a code cannot be used for a session in a cookie of a page elsewhere', async () => {
  const identifier = stand.identifiers.email();
  const code = await stand.codeFor(identifier);
  expect(
    await problemOf(
      stand.ask(createSession, { body: { ...code, identifier, termsVersion: stand.termsVersion, delivery: 'cookie' } }),
    ),
  ).toMatchObject({ code: 'origin_not_allowed' });
});
