import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { StaffRole } from '@meridian/contracts/endpoint.ts';
import { getAccount, listSecurityLog, refreshSession } from '@meridian/contracts/identity.ts';
import {
  completeStaffSignIn,
  endAccountSessions,
  endOwnStaffSessions,
  listStaffAudit,
  signOutStaff,
} from '@meridian/contracts/identity-staff.ts';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { problemOf, type Stand, startStand, waitFor } from './support/stand.ts';

type Answer = { status: number; body: Record<string, unknown> };

describe('staff sign-in', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await startStand({ region: 'cn' });
    const answer = await fetch(`${stand.sandbox.origin}/control/oidc/redirect-uris/cn`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ redirectUris: [stand.env.STAFF_REDIRECT_URI] }),
    });
    expect(answer.status).toBe(200);
  }, 60_000);
  afterAll(() => stand?.stop());
  beforeEach(() => stand.control('oidc', {}));

  const manual = { redirect: 'manual' } as const;
  /** Begins in a browser: the address of the provider and the cookie. */
  const begin = async () => {
    const answer = await fetch(`${stand.urls().publicUrl}/staff/v1/sign-in`, manual);
    expect(answer.status).toBe(302);
    const setCookie = answer.headers.get('set-cookie') ?? '';
    return {
      location: new URL(answer.headers.get('location') ?? ''),
      setCookie,
      cookie: setCookie.split(';')[0] ?? '',
    };
  };
  /** The person chooses who they are at the provider; answers the query it sends back. */
  const choose = async (location: URL, person: string): Promise<string> => {
    const answer = await fetch(new URL('/oidc/authorize', location), {
      ...manual,
      method: 'POST',
      body: new URLSearchParams([...location.searchParams, ['person', person]]),
    });
    const back = new URL(answer.headers.get('location') ?? '');
    expect(`${back.origin}${back.pathname}`).toBe(stand.env.STAFF_REDIRECT_URI);
    return back.search;
  };
  const finish = async (search: string, cookie: string): Promise<Answer> => {
    const answer = await fetch(`${stand.urls().publicUrl}/staff/v1/sign-in/callback${search}`, {
      headers: cookie ? { cookie } : {},
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const signIn = async (person: string) => {
    const { location, cookie } = await begin();
    return finish(await choose(location, person), cookie);
  };
  const failed = { status: 401, body: expect.objectContaining({ code: 'sign_in_failed' }) };

  test('asks with PKCE S256, nonce and the exact redirect URI, and binds the browser by a cookie', async () => {
    const { location, setCookie } = await begin();
    const query = Object.fromEntries(location.searchParams);
    expect(query).toMatchObject({
      response_type: 'code',
      code_challenge_method: 'S256',
      redirect_uri: stand.env.STAFF_REDIRECT_URI,
      client_id: stand.env.OIDC_CLIENT_ID,
    });
    expect(query.scope?.split(' ')).toContain('openid');
    for (const name of ['state', 'nonce', 'code_challenge']) expect(query[name]?.length).toBeGreaterThanOrEqual(43);
    expect(setCookie).toMatch(/^meridian-staff=[A-Za-z0-9_-]{43}; /);
    expect(setCookie).toContain('HttpOnly');
    expect(setCookie).toContain('SameSite=Lax');
    const { rows } = await stand.pool.query('select s::text as row from staff_sign_in s');
    expect(JSON.stringify(rows)).not.toContain(query.state);
    expect(JSON.stringify(rows)).not.toContain(setCookie.slice(15, 58));
  });

  test('a person with roles gets a staff token of 15 minutes, the same id each time, and a line in the audit', async () => {
    const first = await signIn('ada');
    expect(first).toMatchObject({
      status: 200,
      body: { tokenType: 'Bearer', expiresIn: 900, roles: ['reviewer', 'admin'] },
    });
    const token = String(first.body.accessToken);
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'ES256', typ: 'staff+jwt' });
    const claims = decodeJwt(token);
    expect(claims).toMatchObject({
      aud: 'meridian-staff',
      sub: first.body.staffId,
      region: 'cn',
      roles: ['reviewer', 'admin'],
    });
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(900);
    expect(first.body.staffId).toMatch(/^stf_cn_/);
    const second = await signIn('ada');
    expect(second.body.staffId).toBe(first.body.staffId);
    const { rows } = await stand.pool.query('select roles from staff_audit where staff_id = $1 and action is null', [
      first.body.staffId,
    ]);
    expect(rows).toEqual([{ roles: ['reviewer', 'admin'] }, { roles: ['reviewer', 'admin'] }]);
    await expect(stand.pool.query('delete from staff_audit')).rejects.toMatchObject({ code: 'MI001' });
  });

  test('a person without a role gets nothing', async () => {
    expect(await signIn('norm')).toMatchObject({ status: 403, body: { code: 'role_missing' } });
  });

  test.each([
    'issuer',
    'audience',
    'nonce',
    'no_nonce',
    'signature',
    'expired',
    'alg_none',
    'unknown_kid',
    'no_subject',
  ])('an id_token with a wrong %s is refused', async (wrong) => {
    await stand.control('oidc', { idToken: { wrong, times: 1 } });
    expect(await signIn('ada')).toEqual(failed);
    expect((await signIn('ada')).status).toBe(200);
  });

  test('another state, another issuer in the answer, and a refusal of the provider are refused', async () => {
    await stand.control('oidc', { wrongState: { times: 1 } });
    expect(await signIn('ada')).toEqual(failed);
    await stand.control('oidc', { wrongIssuerParameter: { times: 1 } });
    expect(await signIn('ada')).toEqual(failed);
    const { location, cookie } = await begin();
    expect(await finish(await choose(location, 'nobody'), cookie)).toEqual(failed);
  });

  test('an answer serves once, and only in the browser that asked', async () => {
    const { location, cookie } = await begin();
    const search = await choose(location, 'ada');
    expect(await finish(search, '')).toEqual(failed);
    expect(await finish(search, (await begin()).cookie)).toEqual(failed);
    expect((await finish(search, cookie)).status).toBe(200);
    expect(await finish(search, cookie)).toEqual(failed);
  });

  test('Kratos: PKCE against code injection; a code of another sign-in is refused', async () => {
    const [mine, theirs] = [await begin(), await begin()];
    const code = new URLSearchParams(await choose(theirs.location, 'ada')).get('code') ?? '';
    const search = new URLSearchParams(await choose(mine.location, 'ada'));
    search.set('code', code);
    expect(await finish(`?${search}`, mine.cookie)).toEqual(failed);
  });

  describe('a console', () => {
    const codeVerifier = 'v'.repeat(43);
    const codeChallenge = createHash('sha256').update(codeVerifier).digest('base64url');
    /** Signs in as a console does; answers the one-time code that the browser carries to it. */
    const codeFor = async (person: string) => {
      const begun = await fetch(`${stand.urls().publicUrl}/staff/v1/sign-in?codeChallenge=${codeChallenge}`, manual);
      const cookie = (begun.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
      const search = await choose(new URL(begun.headers.get('location') ?? ''), person);
      const answer = await fetch(`${stand.urls().publicUrl}/staff/v1/sign-in/callback${search}`, {
        ...manual,
        headers: { cookie },
      });
      expect(answer.status).toBe(303);
      expect(await answer.text()).toBe('');
      const target = new URL(answer.headers.get('location') ?? '');
      expect(target.href.split('#')[0]).toBe(new URL(stand.profile.links.staffConsole).href);
      expect(target.search).toBe('');
      return new URLSearchParams(target.hash.slice(1)).get('code') ?? '';
    };
    const complete = (code: string, verifier = codeVerifier) =>
      stand.ask(completeStaffSignIn, { body: { code, codeVerifier: verifier } });

    test('is sent back to with a code in the fragment, which its verifier alone exchanges, once, within a minute', async () => {
      const code = await codeFor('ada');
      const { rows } = await stand.pool.query('select c::text as row from staff_completion c');
      expect(JSON.stringify(rows)).not.toContain(code);
      const { body } = await complete(code);
      expect(body).toMatchObject({ tokenType: 'Bearer', expiresIn: 900, roles: ['reviewer', 'admin'] });
      expect(await problemOf(complete(code))).toMatchObject({ code: 'sign_in_failed' });
      const stolen = await codeFor('ada');
      expect(await problemOf(complete(stolen, 'w'.repeat(43)))).toMatchObject({ code: 'sign_in_failed' });
      expect(await problemOf(complete(stolen))).toMatchObject({ code: 'sign_in_failed' });
      const late = await codeFor('ada');
      stand.moveClock(61_000);
      expect(await problemOf(complete(late))).toMatchObject({ code: 'sign_in_failed' });
    });

    test('gets no token for a code of somebody who was signed out meanwhile', async () => {
      const { staffId } = (await complete(await codeFor('ada'))).body;
      const code = await codeFor('ada');
      const token = await stand.staffToken(['admin']);
      await stand.ask(signOutStaff, { token, params: { staffId }, body: { reason: 'A lost laptop.' } });
      expect(await problemOf(complete(code))).toMatchObject({ code: 'sign_in_failed' });
      // A sign-in begun after it is another matter; tokens carry whole seconds.
      stand.moveClock(1_100);
      expect((await complete(await codeFor('ada'))).status).toBe(200);
    });
  });

  describe('actions', () => {
    const reason = 'The owner called and lost a laptop.';
    const audit = async (subject: string) => {
      const token = await stand.staffToken(['admin'], `stf_${stand.region}_${'A'.repeat(26)}`);
      return (await stand.ask(listStaffAudit, { token, query: { limit: 10, subject } })).body.items;
    };
    const nextSecond = () => stand.moveClock(1_100);

    test('signing out ends every token of the person at once; a new sign-in works', async () => {
      const { body } = await signIn('ada');
      const token = String(body.accessToken);
      expect((await stand.ask(listStaffAudit, { token, query: { limit: 1 } })).status).toBe(200);
      nextSecond();
      await stand.ask(endOwnStaffSessions, { token });
      expect(await problemOf(stand.ask(listStaffAudit, { token, query: { limit: 1 } }))).toMatchObject({
        code: 'unauthenticated',
      });
      nextSecond();
      const again = String((await signIn('ada')).body.accessToken);
      const { items } = (await stand.ask(listStaffAudit, { token: again, query: { limit: 5 } })).body;
      expect(items.map(({ action }) => action).slice(0, 2)).toEqual(['signed_in', 'signed_out']);
    });

    test('an admin signs others out, with a reason that is kept; nobody else may', async () => {
      const { body } = await signIn('ada');
      const [staffId, token] = [String(body.staffId), String(body.accessToken)];
      nextSecond();
      const ask = async (roles: StaffRole[], who = staffId) =>
        stand.ask(signOutStaff, { token: await stand.staffToken(roles), params: { staffId: who }, body: { reason } });
      expect(await problemOf(ask(['support', 'reviewer', 'finance']))).toMatchObject({
        code: 'forbidden',
        status: 403,
      });
      expect(await problemOf(ask(['admin'], `stf_${stand.region}_${'0'.repeat(26)}`))).toMatchObject({ status: 404 });
      await ask(['admin']);
      expect(await problemOf(stand.ask(listStaffAudit, { token, query: { limit: 1 } }))).toMatchObject({ status: 401 });
      expect((await audit(staffId)).slice(0, 2)).toEqual([
        expect.objectContaining({ staffId: 'stf_test', action: 'staff_signed_out', subject: staffId, reason }),
        expect.objectContaining({ action: 'signed_out', subject: staffId }),
      ]);
      nextSecond();
    });

    test('support ends the sessions of an account: the owner is told and sees it, and the reason is kept', async () => {
      const { accountId, accessToken, refreshToken, identifier } = await stand.signIn(stand.identifiers.phone());
      const token = await stand.staffToken(['support']);
      const { body } = await stand.ask(endAccountSessions, { token, body: { accountId, reason } });
      expect(body).toEqual({ ended: 1 });
      expect(await problemOf(stand.ask(refreshSession, { body: { refreshToken } }))).toMatchObject({ status: 401 });
      expect(await problemOf(stand.ask(getAccount, { token: accessToken }))).toMatchObject({ status: 401 });
      await waitFor('the notice', async () =>
        (await stand.messages(identifier.value)).some(({ text }) => text.includes('客服已退出')),
      );
      stand.moveClock(61_000);
      const { accessToken: later } = await stand.signIn(identifier);
      const log = (await stand.ask(listSecurityLog, { token: later, query: { limit: 10 } })).body.items;
      expect(log.map(({ kind }) => kind)).toContain('session_ended_by_staff');
      expect(await audit(accountId)).toEqual([
        expect.objectContaining({ action: 'account_sessions_ended', subject: accountId, reason, staffId: 'stf_test' }),
      ]);
      const nobody = { accountId: `acc_${stand.region}_${'0'.repeat(26)}`, reason };
      expect(await problemOf(stand.ask(endAccountSessions, { token, body: nobody }))).toMatchObject({ status: 404 });
      expect(await audit(nobody.accountId)).toEqual([]);
    });

    test('the audit comes in pages, each line once', async () => {
      const token = await stand.staffToken(['admin']);
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const { body } = await stand.ask(listStaffAudit, { token, query: { limit: 2, ...(cursor && { cursor }) } });
        seen.push(...body.items.map((item) => `${item.at} ${item.action} ${item.staffId}`));
        cursor = body.next ?? undefined;
      } while (cursor !== undefined);
      const { rows } = await stand.pool.query('select count(*)::int as n from staff_audit');
      expect(seen).toHaveLength(rows[0].n);
    });
  });

  test('a sign-in is forgotten after ten minutes', async () => {
    const { location, cookie } = await begin();
    const search = await choose(location, 'ada');
    stand.moveClock(600_000);
    expect(await finish(search, cookie)).toEqual(failed);
    stand.moveClock(-600_000);
  });

  test('a provider that is down stops neither the start nor users, and is asked again', async () => {
    await stand.control('oidc', { fail: { status: 503 } });
    await stand.stopService();
    await stand.start();
    const down = await fetch(`${stand.urls().publicUrl}/staff/v1/sign-in`, manual);
    expect(down.status).toBe(503);
    expect((await stand.signIn(stand.identifiers.phone())).created).toBe(true);
    await stand.control('oidc', {});
    await waitFor(
      'the provider',
      async () => (await fetch(`${stand.urls().publicUrl}/staff/v1/sign-in`, manual)).status === 302,
    );
  });
});
