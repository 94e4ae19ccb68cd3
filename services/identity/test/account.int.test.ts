import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  addContact,
  changeProfile,
  createSession,
  endAllSessions,
  endOneSession,
  getAccount,
  type Identifier,
  listSecurityLog,
  listSessions,
  reauthenticate,
  refreshSession,
  removeContact,
  sendContactCode,
} from '@meridian/contracts/identity.ts';
import { problemOf, type Stand, startStand, waitFor } from './support/stand.ts';

describe.each([
  { region: 'global', kind: 'email' as const, subject: 'Security notice', text: 'a device not seen before' },
  { region: 'cn', kind: 'phone' as const, subject: null, text: '新设备' },
])('the account in $region', ({ region, kind, subject, text }) => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await startStand({ region });
  }, 60_000);
  afterAll(() => stand?.stop());

  const again = async (identifier: Identifier, deviceId?: string) => {
    stand.moveClock(61_000);
    const code = await stand.codeFor(identifier);
    const { body } = await stand.ask(createSession, {
      body: { ...code, identifier, termsVersion: stand.termsVersion, ...(deviceId && { deviceId }) },
    });
    return { ...body, refreshToken: body.refreshToken ?? '' };
  };
  const noticesTo = async ({ value }: Identifier) => (await stand.messages(value)).filter((m) => m.code === null);
  /** A code for a new address of the account, read at that address. */
  const bindCode = async (token: string, identifier: Identifier) => {
    const codes = async () => (await stand.messages(identifier.value)).filter((message) => message.code !== null);
    const before = (await codes()).length;
    const { body } = await stand.ask(sendContactCode, { token, body: { identifier } });
    const [message] = await waitFor('a code', async () => {
      const found = await codes();
      return found.length > before && found;
    });
    return { codeId: body.codeId, code: message?.code ?? '' };
  };
  const add = async (token: string, identifier: Identifier, more: { replaces?: string } = {}) =>
    (
      await stand.ask(addContact, {
        token,
        body: { identifier, ...(await bindCode(token, identifier)), ...more },
      })
    ).body;

  test('name and language can be changed and removed; the name lies sealed', async () => {
    const { accessToken: token } = await stand.signIn(stand.identifiers[kind]());
    const change = { displayName: '小明 Ming', language: 'en' as const };
    expect((await stand.ask(changeProfile, { token, body: change })).body).toEqual(change);
    expect((await stand.ask(changeProfile, { token, body: { language: null } })).body.displayName).toBe('小明 Ming');
    expect((await stand.ask(getAccount, { token })).body).toMatchObject({ displayName: '小明 Ming', language: null });
    const { rows } = await stand.pool.query(
      "select encode(display_name, 'hex') as row from account where display_name is not null",
    );
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain(Buffer.from('Ming').toString('hex'));
  });

  test('sessions are listed newest first, by page, with their device; one, the others and all can be ended', async () => {
    const identifier = stand.identifiers[kind]();
    const first = await stand.signIn(identifier);
    const second = await again(identifier);
    const third = await again(identifier);
    const page = await stand.ask(listSessions, { token: third.accessToken, query: { limit: 2 } });
    expect(page.body.items.map((s) => s.sessionId)).toEqual([third.sessionId, second.sessionId]);
    expect(page.body.items.map((s) => s.current)).toEqual([true, false]);
    expect(page.body.items[0]?.device).toEqual(expect.any(String));
    const rest = await stand.ask(listSessions, {
      token: third.accessToken,
      query: { limit: 2, cursor: String(page.body.next) },
    });
    expect(rest.body).toMatchObject({ items: [{ sessionId: first.sessionId }], next: null });

    const params = { sessionId: second.sessionId };
    await stand.ask(endOneSession, { token: third.accessToken, params });
    expect(await problemOf(stand.ask(getAccount, { token: second.accessToken }))).toMatchObject({
      code: 'unauthenticated',
    });
    expect(await problemOf(stand.ask(endOneSession, { token: third.accessToken, params }))).toMatchObject({
      code: 'not_found',
    });
    const stranger = await stand.signIn(stand.identifiers[kind]());
    expect(
      await problemOf(
        stand.ask(endOneSession, { token: stranger.accessToken, params: { sessionId: third.sessionId } }),
      ),
    ).toMatchObject({ code: 'not_found' });

    expect(
      (await stand.ask(endAllSessions, { token: third.accessToken, query: { except: 'current' } })).body.ended,
    ).toBe(1);
    expect(await problemOf(stand.ask(refreshSession, { body: { refreshToken: first.refreshToken } }))).toMatchObject({
      code: 'refresh_invalid',
    });
    expect((await stand.ask(endAllSessions, { token: third.accessToken, query: {} })).body.ended).toBe(1);
    expect(await problemOf(stand.ask(getAccount, { token: third.accessToken }))).toMatchObject({
      code: 'unauthenticated',
    });
  });

  test('a sign-in from a device not seen before is told to the owner, one from a known device is not', async () => {
    const identifier = stand.identifiers[kind]();
    await stand.signIn(identifier);
    await again(identifier);
    expect(await noticesTo(identifier)).toEqual([]);
    await again(identifier, 'a-device-of-somebody-else');
    const [notice] = await waitFor('the notice', async () => {
      const found = await noticesTo(identifier);
      return found.length > 0 && found;
    });
    expect(notice?.text).toContain(text);
    expect(notice?.text).toContain(stand.profile.links.helpCentre);
    if (subject !== null) expect(notice?.subject).toContain(subject);
    await waitFor('the row to go', async () => (await stand.pool.query('select 1 from notice')).rowCount === 0);
    await again(identifier, 'a-device-of-somebody-else');
    expect(await noticesTo(identifier)).toHaveLength(1);
  });

  test('an address is added, changed and removed; each is told, and the others sessions end', async () => {
    const [own, other, third] = [stand.identifiers[kind](), stand.identifiers[kind](), stand.identifiers[kind]()];
    const old = await stand.signIn(own);
    const { accessToken: token, sessionId } = await again(own);
    const added = await add(token, other);
    expect(await problemOf(stand.ask(getAccount, { token: old.accessToken }))).toMatchObject({
      code: 'unauthenticated',
    });
    await waitFor('the notice', async () => (await noticesTo(own)).length === 1);
    // Both addresses sign in to the same account.
    expect((await again(other)).accountId).toBe(old.accountId);
    const changed = await add((await again(own)).accessToken, third, { replaces: added.contactId });
    const fresh = await again(third);
    expect(fresh.accountId).toBe(old.accountId);
    expect((await again(other)).accountId).not.toBe(old.accountId);
    const contacts = (await stand.ask(getAccount, { token: fresh.accessToken })).body.contacts;
    expect(contacts.map((c) => c.contactId)).toContain(changed.contactId);
    await stand.ask(removeContact, { token: fresh.accessToken, params: { contactId: changed.contactId } });
    const [left] = (await stand.ask(getAccount, { token: fresh.accessToken })).body.contacts;
    expect(
      await problemOf(
        stand.ask(removeContact, { token: fresh.accessToken, params: { contactId: left?.contactId ?? '' } }),
      ),
    ).toMatchObject({
      code: 'last_login_method',
      status: 409,
    });
    const log = (await stand.ask(listSecurityLog, { token: fresh.accessToken, query: { limit: 100 } })).body.items;
    expect(log.map((entry) => entry.kind)).toEqual(
      expect.arrayContaining(['account_registered', 'signed_in', 'contact_added', 'contact_removed', 'session_ended']),
    );
    expect(JSON.stringify(log)).not.toContain(own.value);
    const page = (await stand.ask(listSecurityLog, { token: fresh.accessToken, query: { limit: 2 } })).body;
    const next = (
      await stand.ask(listSecurityLog, { token: fresh.accessToken, query: { limit: 2, cursor: String(page.next) } })
    ).body;
    expect([...page.items, ...next.items]).toEqual(log.slice(0, 4));
    expect(sessionId).toMatch(/^ses_/);
  });

  test('cannot link without privileged session: a change of credentials needs a proof of at most five minutes ago', async () => {
    const identifier = stand.identifiers[kind]();
    const { accessToken, refreshToken } = await stand.signIn(identifier);
    expect(accessToken).not.toBe('');
    stand.moveClock(5 * 60_000 + 1_000);
    const token = (await stand.ask(refreshSession, { body: { refreshToken } })).body.accessToken;
    const refused = { code: 'reauthentication_required', status: 403 };
    expect(
      await problemOf(stand.ask(sendContactCode, { token, body: { identifier: stand.identifiers[kind]() } })),
    ).toMatchObject(refused);
    const [contact] = (await stand.ask(getAccount, { token })).body.contacts;
    expect(
      await problemOf(stand.ask(removeContact, { token, params: { contactId: contact?.contactId ?? '' } })),
    ).toMatchObject(refused);
    const proof = await stand.codeFor(identifier, 'reauthenticate');
    await stand.ask(reauthenticate, { token, body: { method: 'code', ...proof } });
    expect(await problemOf(stand.ask(reauthenticate, { token, body: { method: 'code', ...proof } }))).toMatchObject({
      code: 'code_invalid',
    });
    expect((await add(token, stand.identifiers[kind]())).kind).toBe(kind);
  });

  test('for a day the code to a new address is no proof within a session; that of the one the account began with is', async () => {
    const [first, second] = [stand.identifiers[kind](), stand.identifiers[kind]()];
    const { accessToken, refreshToken } = await stand.signIn(first);
    await add(accessToken, second);
    stand.moveClock(61_000);
    const prove = async (token: string, identifier: Identifier) =>
      stand.ask(reauthenticate, {
        token,
        body: { method: 'code', ...(await stand.codeFor(identifier, 'reauthenticate')) },
      });
    expect(await problemOf(prove(accessToken, second))).toMatchObject({
      code: 'reauthentication_required',
      status: 403,
    });
    expect((await prove(accessToken, first)).status).toBe(200);
    stand.moveClock(24 * 3_600_000);
    const token = (await stand.ask(refreshSession, { body: { refreshToken } })).body.accessToken;
    expect((await prove(token, second)).status).toBe(200);
  });

  test('binding an address that belongs to another account never merges', async () => {
    const taken = stand.identifiers[kind]();
    const owner = await stand.signIn(taken);
    const { accessToken: token, accountId } = await stand.signIn(stand.identifiers[kind]());
    stand.moveClock(61_000);
    expect(await problemOf(add(token, taken))).toMatchObject({ code: 'contact_taken', status: 409 });
    expect((await again(taken)).accountId).toBe(owner.accountId);
    expect(owner.accountId).not.toBe(accountId);
  });

  test('identifier cannot be swapped on submit, and a code of another account or purpose is worth nothing', async () => {
    const [mine, wanted] = [stand.identifiers[kind](), stand.identifiers[kind]()];
    const { accessToken: token } = await stand.signIn(stand.identifiers[kind]());
    const { accessToken: stranger } = await stand.signIn(stand.identifiers[kind]());
    const code = await bindCode(token, mine);
    const invalid = { code: 'code_invalid' };
    expect(await problemOf(stand.ask(addContact, { token, body: { identifier: wanted, ...code } }))).toMatchObject(
      invalid,
    );
    expect(
      await problemOf(stand.ask(addContact, { token: stranger, body: { identifier: mine, ...code } })),
    ).toMatchObject(invalid);
    expect(
      await problemOf(
        stand.ask(createSession, { body: { ...code, identifier: mine, termsVersion: stand.termsVersion } }),
      ),
    ).toMatchObject(invalid);
    expect((await stand.ask(addContact, { token, body: { identifier: mine, ...code } })).status).toBe(201);
  });

  test('two identities race for one address: exactly one has it, and nothing is left half done', async () => {
    const wanted = stand.identifiers[kind]();
    const people = await Promise.all([1, 2].map(() => stand.signIn(stand.identifiers[kind]())));
    const codes: { codeId: string; code: string }[] = [];
    for (const { accessToken } of people) {
      codes.push(await bindCode(accessToken, wanted));
      stand.moveClock(61_000);
    }
    const outcomes = await Promise.allSettled(
      people.map(({ accessToken }, i) =>
        stand.ask(addContact, {
          token: accessToken,
          body: { identifier: wanted, ...(codes[i] as { codeId: string; code: string }) },
        }),
      ),
    );
    expect(outcomes.filter((o) => o.status === 'fulfilled')).toHaveLength(1);
    const lost = outcomes.find((o) => o.status === 'rejected');
    expect(lost?.reason).toMatchObject({ code: 'contact_taken' });
  });

  test('unexpired session: an address that is added ends what somebody opened before', async () => {
    const identifier = stand.identifiers[kind]();
    const attacker = await stand.signIn(identifier);
    const victim = await again(identifier);
    await add(victim.accessToken, stand.identifiers[kind]());
    expect(await problemOf(stand.ask(refreshSession, { body: { refreshToken: attacker.refreshToken } }))).toMatchObject(
      { code: 'refresh_invalid' },
    );
  });

  test('unexpired identifier change: a pending change dies with the session that began it', async () => {
    const identifier = stand.identifiers[kind]();
    const wanted = stand.identifiers[kind]();
    const attacker = await stand.signIn(identifier);
    const pending = await bindCode(attacker.accessToken, wanted);
    const victim = await again(identifier);
    await stand.ask(endAllSessions, { token: victim.accessToken, query: { except: 'current' } });
    expect(
      await problemOf(stand.ask(addContact, { token: attacker.accessToken, body: { identifier: wanted, ...pending } })),
    ).toMatchObject({ code: 'unauthenticated' });
  });

  test('an account is signed in at fifty places at most; the oldest gives way', async () => {
    const identifier = stand.identifiers[kind]();
    const first = await stand.signIn(identifier);
    await stand.pool.query(
      `insert into session (id, account_id, method, created_at, token_hash, idle_until, expires_at)
       select 'ses_xx_' || lpad(n::text, 26, '0'), $1, 'test', $2::timestamptz + n * interval '1 ms', $1 || n, $2::timestamptz + interval '30 days', $2::timestamptz + interval '30 days'
       from generate_series(1, 49) n`,
      [first.accountId, stand.now()],
    );
    const last = await again(identifier);
    expect(await problemOf(stand.ask(getAccount, { token: first.accessToken }))).toMatchObject({
      code: 'unauthenticated',
    });
    const { items } = (await stand.ask(listSessions, { token: last.accessToken, query: { limit: 100 } })).body;
    expect(items).toHaveLength(50);
    expect(items.map((s) => s.sessionId)).not.toContain(first.sessionId);
  });
});
