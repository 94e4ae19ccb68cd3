import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  createSession,
  endSession,
  getAccount,
  getJwks,
  getRegion,
  getSecurityEmail,
  listRegions,
  sendCode,
} from '@meridian/contracts/identity.ts';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { problemOf, type Stand, startStand, waitFor } from './support/stand.ts';

describe.each([
  { region: 'cn', kind: 'phone' as const, other: 'email' as const, method: 'phone_code' },
  { region: 'global', kind: 'email' as const, other: 'phone' as const, method: 'email_code' },
])('signing in by $kind in $region', ({ region, kind, other, method }) => {
  let stand: Stand;
  const person = () => stand.identifiers[kind]();
  beforeAll(async () => {
    stand = await startStand({ region });
  }, 60_000);
  afterAll(() => stand?.stop());

  test('the first right code registers, the next one signs in to the same account', async () => {
    const identifier = person();
    const first = await stand.signIn(identifier);
    expect(first.created).toBe(true);
    expect(first.accountId).toMatch(new RegExp(`^acc_${region}_`));
    stand.moveClock(61_000);
    const second = await stand.signIn(identifier);
    expect(second).toMatchObject({ created: false, accountId: first.accountId });
    expect(second.sessionId).not.toBe(first.sessionId);
    const events = await waitFor('the event', async () => {
      const found = await stand.published(first.accountId);
      return found.length > 0 && found;
    });
    expect(events.map(({ type, data }) => ({ type, data }))).toEqual([
      { type: 'account-registered.v1', data: { method } },
    ]);
  });

  test('the access token is an RFC 9068 token of this region that lives 5 minutes', async () => {
    const { accessToken, accountId, sessionId, expiresIn } = await stand.signIn(person());
    const { body: jwks } = await stand.ask(getJwks, {});
    const header = decodeProtectedHeader(accessToken);
    expect(header).toMatchObject({ alg: 'ES256', typ: 'at+jwt' });
    expect(jwks.keys.map((key) => key.kid)).toContain(header.kid);
    expect(jwks.keys.every((key) => !('d' in key))).toBe(true);
    expect(jwks.keys).toHaveLength(2);
    const claims = decodeJwt(accessToken);
    expect(claims).toMatchObject({ iss: 'http://127.0.0.1', aud: 'meridian', sub: accountId, sid: sessionId, region });
    expect(claims.client_id).toEqual(expect.any(String));
    expect(claims.jti).toEqual(expect.any(String));
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(expiresIn);
    expect(expiresIn).toBe(300);
  });

  test('the account shows its contact masked, and the table holds it sealed', async () => {
    const identifier = person();
    const { accessToken, accountId } = await stand.signIn(identifier);
    const { body } = await stand.ask(getAccount, { token: accessToken });
    expect(body).toMatchObject({ accountId, region, status: 'active', contacts: [{ kind }] });
    expect(body.contacts[0]?.masked).toContain('***');
    expect(JSON.stringify(body)).not.toContain(identifier.value);
    const { rows } = await stand.pool.query(
      'select c::text as row from contact c union all select c::text from code c union all select s::text from security_log s',
    );
    expect(rows.length).toBeGreaterThan(0);
    const stored = JSON.stringify(rows);
    expect(stored).not.toContain(identifier.value);
    expect(stored).not.toContain(Buffer.from(identifier.value).toString('hex'));
  });

  test('nothing that was logged names a person or a code', async () => {
    const identifier = person();
    const code = await stand.codeFor(identifier);
    await stand.ask(createSession, { body: { ...code, identifier, termsVersion: stand.termsVersion } });
    const lines = stand.logged.join('');
    expect(lines).not.toContain(identifier.value.replace('+86', ''));
    expect(lines).not.toContain(`"${code.code}"`);
  });

  test('a kind of identifier that the profile does not register is refused, at the code and at the session', async () => {
    const identifier = stand.identifiers[other]();
    expect(await problemOf(stand.ask(sendCode, { body: { identifier, purpose: 'login' } }))).toMatchObject({
      code: 'identifier_not_accepted',
      status: 422,
    });
    const { codeId, code } = await stand.codeFor(person());
    expect(await problemOf(stand.ask(createSession, { body: { codeId, code, identifier } }))).toMatchObject({
      code: 'identifier_not_accepted',
    });
  });

  test('a new account needs the current terms; the code survives the reminder', async () => {
    const identifier = person();
    const code = await stand.codeFor(identifier);
    for (const termsVersion of [undefined, '1999-01'])
      expect(
        await problemOf(
          stand.ask(createSession, { body: { ...code, identifier, ...(termsVersion && { termsVersion }) } }),
        ),
      ).toMatchObject({ code: 'consent_required', status: 422 });
    const { body } = await stand.ask(createSession, {
      body: { ...code, identifier, termsVersion: stand.termsVersion },
    });
    const { rows } = await stand.pool.query('select terms_version from consent where account_id = $1', [
      body.accountId,
    ]);
    expect(rows).toEqual([{ terms_version: stand.termsVersion }]);
    stand.moveClock(61_000);
    const again = await stand.codeFor(identifier);
    const known = await stand.ask(createSession, { body: { ...again, identifier } });
    expect(known.body.created).toBe(false);
  });

  test('better-auth: exactly one success when one code is verified concurrently', async () => {
    const identifier = person();
    const code = await stand.codeFor(identifier);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 5 }, () =>
        stand.ask(createSession, { body: { ...code, identifier, termsVersion: stand.termsVersion } }),
      ),
    );
    expect(outcomes.filter((o) => o.status === 'fulfilled')).toHaveLength(1);
    const refused = outcomes.filter((o) => o.status === 'rejected');
    expect(refused.map((o) => (o.reason as { code: string }).code)).toEqual(Array(4).fill('code_invalid'));
  });

  test('signing out ends the session at once, for access and for refresh', async () => {
    const { accessToken } = await stand.signIn(person());
    await stand.ask(endSession, { token: accessToken });
    expect(await problemOf(stand.ask(getAccount, { token: accessToken }))).toMatchObject({
      code: 'unauthenticated',
      status: 401,
    });
  });

  test('the public profile and the directory are told to anybody', async () => {
    expect((await stand.ask(getRegion, {})).body).toMatchObject({ id: region, registration: { methods: [method] } });
    expect((await stand.ask(listRegions, {})).body.items.map((r) => r.id).sort()).toEqual(['cn', 'global']);
  });

  test('billing, and nobody else, learns the security e-mail; other regions are refused by name', async () => {
    const identifier = person();
    const { accountId } = await stand.signIn(identifier);
    const token = await stand.issuer.serviceToken({ caller: 'billing', audience: 'identity' });
    const { body } = await stand.ask(getSecurityEmail, { params: { accountId }, token });
    expect(body.email).toBe(kind === 'email' ? identifier.value : null);
    const elsewhere = accountId.replace(`_${region}_`, region === 'cn' ? '_global_' : '_cn_');
    expect(await problemOf(stand.ask(getSecurityEmail, { params: { accountId: elsewhere }, token }))).toMatchObject({
      code: 'region_mismatch',
      status: 421,
    });
    const unknown = `${accountId.slice(0, -26)}0000000000ZZZZZZZZZZZZZZZZ`;
    expect(await problemOf(stand.ask(getSecurityEmail, { params: { accountId: unknown }, token }))).toMatchObject({
      code: 'not_found',
    });
    const stranger = await stand.issuer.serviceToken({ caller: 'gateway', audience: 'identity' });
    expect(await problemOf(stand.ask(getSecurityEmail, { params: { accountId }, token: stranger }))).toMatchObject({
      code: 'forbidden',
    });
  });
});

test('Kratos: two identities race for one address; one account is made', async () => {
  const stand = await startStand({ region: 'global' });
  try {
    const identifier = stand.identifiers.email();
    // Two live codes of one identifier cannot be had over the API; a second one is planted under the same index.
    const first = await stand.codeFor(identifier);
    await stand.pool.query("update code set purpose = 'reauthenticate' where id = $1", [first.codeId]);
    stand.moveClock(61_000);
    const second = await stand.codeFor(identifier);
    await stand.pool.query('drop index code_live');
    await stand.pool.query("update code set purpose = 'login' where id = $1", [first.codeId]);
    const opened = await Promise.all(
      [first, second].map((code) =>
        stand.ask(createSession, { body: { ...code, identifier, termsVersion: stand.termsVersion } }),
      ),
    );
    expect(new Set(opened.map((o) => o.body.accountId)).size).toBe(1);
    expect(opened.filter((o) => o.body.created)).toHaveLength(1);
    const { rows } = await stand.pool.query(
      'select (select count(*)::int from account) as accounts, (select count(*)::int from account_key) as keys',
    );
    expect(rows).toEqual([{ accounts: 1, keys: 1 }]);
  } finally {
    await stand.stop();
  }
});
