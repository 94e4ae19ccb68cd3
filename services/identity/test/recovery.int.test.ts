import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  addContact,
  beginTotp,
  createSession,
  endAllSessions,
  getAccount,
  type Identifier,
  introspectToken,
  listSecurityLog,
  refreshSession,
  removeContact,
  sendContactCode,
  setPassword,
  signInByPassword,
} from '@meridian/contracts/identity.ts';
import {
  beginRecovery,
  completeRecovery,
  openRecoveryTicket,
  type Proof,
  proveRecovery,
  sendRecoveryCode,
  stopOwnRecoveries,
} from '@meridian/contracts/identity-recovery.ts';
import { type Browser, createBrowser, registerApps } from './support/browser.ts';
import { helpers } from './support/recovery-people.ts';
import { problemOf, type Stand, startStand, waitFor } from './support/stand.ts';

describe.each([
  { region: 'global', kind: 'email' as const, recovered: /recovered/ },
  { region: 'cn', kind: 'phone' as const, recovered: /已被找回/ },
])('recovery by what is left of an account, by $kind in $region', ({ region, kind, recovered }) => {
  const identifier = () => stand.identifiers[kind]();
  let stand: Stand;
  let help: ReturnType<typeof helpers>;
  let browser: Browser;
  beforeAll(async () => {
    stand = await startStand({ region });
    help = helpers(stand);
    browser = createBrowser(stand);
    await registerApps(stand);
  }, 60_000);
  afterAll(() => stand?.stop());

  const newPerson = () => stand.signIn(identifier());
  const begin = async (account: Identifier) => {
    stand.moveClock(61_000);
    return help.codeFrom(account.value, () => stand.ask(beginRecovery, { body: { account } }));
  };
  const prove = (recoveryToken: string, proof: Proof) => stand.ask(proveRecovery, { body: { recoveryToken, proof } });
  const proveCode = ({ recoveryToken, codeId, code }: { recoveryToken: string; codeId: string; code: string }) =>
    prove(recoveryToken, { method: 'code', codeId, code });
  const newContactCode = async (recoveryToken: string, identifier: Identifier) => {
    stand.moveClock(61_000);
    const { codeId, code } = await help.codeFrom(identifier.value, () =>
      stand.ask(sendRecoveryCode, { body: { recoveryToken, identifier, use: 'new_contact' } }),
    );
    return { identifier, codeId, code };
  };
  const complete = (recoveryToken: string, change: object) =>
    stand.ask(completeRecovery, { body: { recoveryToken, ...change } });
  const password = 'a password of my own';
  const wrongOf = (code: string) => (code === '000000' ? '111111' : '000000');
  const addSecond = async (token: string) => {
    const identifier = stand.identifiers[kind]();
    stand.moveClock(61_000);
    const code = await help.codeFrom(identifier.value, () =>
      stand.ask(sendContactCode, { token, body: { identifier } }),
    );
    await stand.ask(addContact, { token, body: { identifier, codeId: code.codeId, code: code.code } });
    return identifier;
  };
  const introspect = async (token: string) =>
    (
      await stand.ask(introspectToken, {
        token: await stand.issuer.serviceToken({ caller: 'billing', audience: 'identity' }),
        body: { token },
      })
    ).body;

  test("another verified contact's code recovers the account; the new address takes the place of the others", async () => {
    const person = await newPerson();
    const second = await addSecond(person.accessToken);
    const begun = await begin(second);
    expect((await proveCode(begun)).body).toEqual({ proven: ['code'], enough: true, missing: [] });
    const contact = await newContactCode(begun.recoveryToken, identifier());
    const { body } = await complete(begun.recoveryToken, { contact, replaceContacts: true });
    expect(body).toMatchObject({ accountId: person.accountId, created: false });
    const { contacts } = (await stand.ask(getAccount, { token: body.accessToken })).body;
    expect(contacts).toHaveLength(1);
    // Every address was told: the two that went, and the new one.
    for (const to of [person.identifier, second, contact.identifier]) await help.noticeAt(to.value, recovered);
    const { items } = (await stand.ask(listSecurityLog, { token: body.accessToken, query: {} })).body;
    expect(items.map((one) => [one.kind, one.method])).toEqual(
      expect.arrayContaining([
        ['recovered', 'code'],
        ['contact_added', null],
        ['contact_removed', null],
        ['signed_in', 'recovery'],
      ]),
    );
    stand.moveClock(61_000);
    expect((await stand.signIn(person.identifier)).created).toBe(true);
  });

  test('recovery ends other sessions, and everything that was begun and not finished', async () => {
    const person = await newPerson();
    stand.moveClock(61_000);
    const other = await stand.signIn(person.identifier);
    stand.moveClock(61_000);
    // Changes somebody else began: a code for an address of theirs, bound to this account; an authenticator not yet confirmed; one login
    // that waits at its provider and one for its completion; and what only time or a browser would begin.
    const theirs = identifier();
    const pending = await help.codeFrom(theirs.value, () =>
      stand.ask(sendContactCode, { token: other.accessToken, body: { identifier: theirs } }),
    );
    await stand.ask(beginTotp, { token: other.accessToken });
    const link = '/v1/account/logins/xiaomi/link';
    await browser.begin('xiaomi', link, other.accessToken);
    const linking = browser.codeOf(await browser.go('xiaomi', 'person-1', link, other.accessToken));
    for (const statement of [
      "insert into pending_sign_in values (encode(sha256($1::text::bytea), 'hex'), $1, 'email_code', 0, now() + interval '1 day')",
      "insert into passkey_challenge values ('chl_' || $1, $1, 'a challenge', now() + interval '1 day')",
      "insert into linked_login (id, account_id, provider, linked_at, last_used_at) values ('lgn_' || $1, $1, 'xiaomi', now(), now())",
      "insert into offered_email values ($1, 'lgn_' || $1, 'an address', true, now() + interval '1 day')",
    ])
      await stand.pool.query(statement, [person.accountId]);
    const waiting = async () => {
      const of = (table: string, more = 'true') =>
        `(select count(*)::int from ${table} where account_id = $1 and ${more}) as ${table}`;
      const tables = [
        'pending_sign_in',
        'totp',
        'passkey_challenge',
        'code',
        'login_flow',
        'pending_login',
        'offered_email',
      ];
      const living = ['recovery', 'recovery_ticket'].map((table) => of(table, 'ended_at is null'));
      const query = `select ${[...tables.map((table) => of(table)), ...living].join(', ')}`;
      return (await stand.pool.query(query, [person.accountId])).rows[0] as Record<string, number>;
    };
    const account = person.identifier;
    await stand.ask(openRecoveryTicket, { body: { account, contact: identifier() } });
    await begin(account);
    const begun = await begin(account);
    await proveCode(begun);
    const before = await waiting();
    expect(Object.entries(before).filter(([, rows]) => rows === 0)).toEqual([]);
    const { body } = await complete(begun.recoveryToken, { password });
    expect(await waiting()).toEqual(Object.fromEntries(Object.keys(before).map((table) => [table, 0])));
    expect(await browser.send('POST', '/v1/account/logins', { code: linking }, body.accessToken)).toMatchObject({
      code: 'login_flow_invalid',
    });
    for (const { refreshToken, accessToken } of [person, other]) {
      expect(await problemOf(stand.ask(refreshSession, { body: { refreshToken } }))).toMatchObject({
        code: 'refresh_invalid',
      });
      expect(await problemOf(stand.ask(getAccount, { token: accessToken }))).toMatchObject({ code: 'unauthenticated' });
    }
    const add = stand.ask(addContact, {
      token: body.accessToken,
      body: { identifier: theirs, codeId: pending.codeId, code: pending.code },
    });
    expect(await problemOf(add)).toMatchObject({ code: 'code_invalid' });
    const ended = await waitFor('the events', async () => {
      const found = (await stand.published(person.accountId)).filter((e) => e.type === 'session-revoked.v1');
      return found.length === 2 && found;
    });
    expect(ended.map((e) => e.data.reason)).toEqual(['recovered', 'recovered']);
    stand.moveClock(61_000);
    expect(
      (await stand.ask(signInByPassword, { body: { identifier: person.identifier, password } })).body.accountId,
    ).toBe(person.accountId);
  });

  test('cool-down: introspection names the end of the restriction, and it ends by itself', async () => {
    const person = await newPerson();
    expect(await introspect(person.accessToken)).toMatchObject({ active: true, restricted_until: null });
    const begun = await begin(person.identifier);
    await proveCode(begun);
    const { body } = await complete(begun.recoveryToken, { password });
    const answer = await introspect(body.accessToken);
    const until = Date.parse((answer as { restricted_until: string }).restricted_until);
    const hours = stand.profile.recovery.restrictedHours;
    expect(Math.abs(until - stand.now().getTime() - hours * 3_600_000)).toBeLessThan(60_000);
    stand.moveClock(hours * 3_600_000);
    stand.moveClock(61_000);
    const later = await stand.ask(signInByPassword, { body: { identifier: person.identifier, password } });
    expect(await introspect(later.body.accessToken)).toMatchObject({ active: true, restricted_until: null });
  });

  test('where a second factor is on, a code alone is not enough; the authenticator or a recovery code is, beside it', async () => {
    const person = await newPerson();
    const { codeNow, recoveryCodes } = await help.withTotp(person.accessToken);
    await stand.ask(beginTotp, { token: person.accessToken });
    for (const proof of [
      { method: 'totp', code: () => codeNow(1) },
      { method: 'recovery_code', code: () => recoveryCodes[0] ?? '' },
    ] as const) {
      const begun = await begin(person.identifier);
      expect((await proveCode(begun)).body).toEqual({
        proven: ['code'],
        enough: false,
        missing: expect.arrayContaining(['totp', 'recovery_code']),
      });
      const refused = await problemOf(complete(begun.recoveryToken, { password }));
      expect(refused).toMatchObject({ code: 'recovery_not_proven', status: 403 });
      const { body } = await prove(begun.recoveryToken, { method: proof.method, code: proof.code() });
      expect(body).toMatchObject({ enough: true, missing: [] });
      expect((await complete(begun.recoveryToken, { password })).body.accountId).toBe(person.accountId);
    }
    // It stays; another one that was begun and not confirmed does not.
    const { rows } = await stand.pool.query(
      'select sealed is null as off, pending_sealed is null as nothing_begun from totp where account_id = $1',
      [person.accountId],
    );
    expect(rows).toEqual([{ off: false, nothing_begun: true }]);
  });

  test('an account named by its id is recovered by both kinds of second factor, without any address', async () => {
    const person = await newPerson();
    const { codeNow, recoveryCodes } = await help.withTotp(person.accessToken);
    const { recoveryToken } = (
      await stand.ask(beginRecovery, { body: { account: { kind: 'account', value: person.accountId } } })
    ).body;
    stand.moveClock(61_000);
    expect((await prove(recoveryToken, { method: 'totp', code: codeNow() })).body.enough).toBe(false);
    const spent = { method: 'recovery_code', code: recoveryCodes[3] ?? '' } as const;
    expect((await prove(recoveryToken, spent)).body.enough).toBe(true);
    const contact = await newContactCode(recoveryToken, identifier());
    expect((await complete(recoveryToken, { contact })).body.accountId).toBe(person.accountId);
    const again = (await stand.ask(beginRecovery, { body: { account: person.identifier } })).body;
    expect(await problemOf(prove(again.recoveryToken, spent))).toMatchObject({ code: 'factor_invalid' });
  });

  test('5-try limit on recovery codes, also with the right code after it', async () => {
    const person = await newPerson();
    const begun = await begin(person.identifier);
    const outcomes = await Promise.all(
      Array.from({ length: 6 }, () => problemOf(proveCode({ ...begun, code: wrongOf(begun.code) }))),
    );
    expect(outcomes.map((o) => o.code)).toEqual(Array(6).fill('code_invalid'));
    expect(await problemOf(proveCode(begun))).toMatchObject({ code: 'code_invalid', status: 401 });
    const { rows } = await stand.pool.query('select attempts from code where id = $1', [begun.codeId]);
    expect(rows).toEqual([{ attempts: 5 }]);
  });

  test('a recovery takes ten tries in all', async () => {
    const person = await newPerson();
    await help.withTotp(person.accessToken);
    const begun = await begin(person.identifier);
    const tries: string[] = [];
    for (let i = 0; i < 11; i += 1)
      tries.push((await problemOf(prove(begun.recoveryToken, { method: 'recovery_code', code: 'AAAAA-AAAAA' }))).code);
    expect(tries).toEqual([...Array(10).fill('factor_invalid'), 'recovery_invalid']);
  });

  test.each<Proof>([
    { method: 'recovery_code', code: 'AAAAA-AAAAA' },
    { method: 'real_name', name: '李四', number: '440304199001010011' },
  ])(
    'wrong tries count under the name that was given, known or not, so that no limit tells whose names belong together ($method)',
    async (proof) => {
      const person = await newPerson();
      const unknown = { address: identifier(), id: `${person.accountId.slice(0, -4)}ZZZZ` };
      const seen: string[][] = [];
      for (const { address, id } of [{ address: person.identifier, id: person.accountId }, unknown]) {
        const codes: string[] = [];
        for (const [account, tries] of [
          [address, 10],
          [{ kind: 'account', value: id } as const, 1],
          [address, 1],
        ] as const) {
          stand.moveClock(61_000);
          const { recoveryToken } = (await stand.ask(beginRecovery, { body: { account } })).body;
          for (let i = 0; i < tries; i += 1) codes.push((await problemOf(prove(recoveryToken, proof))).code);
        }
        seen.push(codes);
      }
      expect(seen[0]).toEqual([...Array(11).fill('factor_invalid'), 'code_limit_reached']);
      expect(seen[1]).toEqual(seen[0]);
    },
  );

  test('a code is good for its own recovery only: one for signing in does not count, nor another account’s', async () => {
    const [person, stranger] = [await newPerson(), await newPerson()];
    stand.moveClock(61_000);
    const signInCode = await stand.codeFor(person.identifier);
    const begun = await begin(person.identifier);
    expect(await problemOf(proveCode({ ...begun, ...signInCode }))).toMatchObject({ code: 'code_invalid' });
    const theirs = await begin(stranger.identifier);
    expect(await problemOf(proveCode({ ...begun, codeId: theirs.codeId, code: theirs.code }))).toMatchObject({
      code: 'code_invalid',
    });
    expect((await proveCode(begun)).body.enough).toBe(true);
    // Nor does a recovery code sign in.
    stand.moveClock(61_000);
    const again = await begin(person.identifier);
    const { codeId, code } = again;
    const signIn = stand.ask(createSession, { body: { codeId, code, identifier: person.identifier } });
    expect(await problemOf(signIn)).toMatchObject({ code: 'code_invalid' });
  });

  test('concurrent completion: exactly one succeeds, and one session is opened', async () => {
    const person = await newPerson();
    const begun = await begin(person.identifier);
    await proveCode(begun);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 5 }, () => complete(begun.recoveryToken, { password })),
    );
    expect(outcomes.filter((o) => o.status === 'fulfilled')).toHaveLength(1);
    for (const o of outcomes)
      if (o.status === 'rejected') expect((o.reason as { code: string }).code).toBe('recovery_invalid');
    const { rows } = await stand.pool.query(
      'select count(*)::int as n from session where account_id = $1 and ended_at is null',
      [person.accountId],
    );
    expect(rows).toEqual([{ n: 1 }]);
  });

  test('two identities race for one address: one gets it, the other is told, and neither is half recovered', async () => {
    const people = [await newPerson(), await newPerson()];
    const wanted = identifier();
    const ready: { recoveryToken: string; contact: object; accountId: string }[] = [];
    for (const person of people) {
      const begun = await begin(person.identifier);
      await proveCode(begun);
      const contact = await newContactCode(begun.recoveryToken, wanted);
      ready.push({ recoveryToken: begun.recoveryToken, contact, accountId: person.accountId });
    }
    const outcomes = await Promise.allSettled(
      ready.map(({ recoveryToken, contact }) => complete(recoveryToken, { contact })),
    );
    expect(outcomes.map((o) => o.status).sort()).toEqual(['fulfilled', 'rejected']);
    const lost = outcomes.findIndex((o) => o.status === 'rejected');
    expect((outcomes[lost] as PromiseRejectedResult).reason).toMatchObject({ code: 'contact_taken', status: 409 });
    const loser = ready[lost];
    const { rows } = await stand.pool.query(
      `select (select restricted_until from account where id = $1) as until,
         (select count(*)::int from session where account_id = $1 and ended_at is null) as sessions`,
      [loser?.accountId],
    );
    expect(rows).toEqual([{ until: null, sessions: 1 }]);
    expect((await complete(loser?.recoveryToken ?? '', { password })).status).toBe(201);
  });

  test('a recovery needs a change, lives 30 minutes, and is stopped by its owner', async () => {
    const person = await newPerson();
    const begun = await begin(person.identifier);
    await proveCode(begun);
    expect(await problemOf(complete(begun.recoveryToken, {}))).toMatchObject({ code: 'recovery_needs_change' });
    stand.moveClock(30 * 60_000);
    expect(await problemOf(complete(begun.recoveryToken, { password }))).toMatchObject({ code: 'recovery_invalid' });
    const again = await begin(person.identifier);
    await proveCode(again);
    stand.moveClock(61_000);
    const owner = await stand.signIn(person.identifier);
    expect((await stand.ask(stopOwnRecoveries, { token: owner.accessToken })).body).toEqual({ stopped: 1 });
    expect(await problemOf(complete(again.recoveryToken, { password }))).toMatchObject({ code: 'recovery_invalid' });
    expect(await problemOf(complete('A'.repeat(43), { password }))).toMatchObject({ code: 'recovery_invalid' });
  });

  test.each<[string, (token: string) => Promise<unknown>]>([
    ['an address is added', (token) => addSecond(token)],
    [
      'another address is removed',
      async (token) => {
        const { contacts } = (await stand.ask(getAccount, { token })).body;
        const [newest] = contacts.toSorted((a, b) => b.verifiedAt.localeCompare(a.verifiedAt));
        return stand.ask(removeContact, { token, params: { contactId: newest?.contactId ?? '' } });
      },
    ],
    ['the password is changed', (token) => stand.ask(setPassword, { token, body: { password } })],
    ['the owner signs out everywhere', (token) => stand.ask(endAllSessions, { token, query: { except: 'current' } })],
  ])('what was begun before %s opens nothing any more', async (_, change) => {
    const person = await newPerson();
    await addSecond(person.accessToken);
    const begun = await begin(person.identifier);
    expect((await proveCode(begun)).body.enough).toBe(true);
    await change(person.accessToken);
    expect(await problemOf(complete(begun.recoveryToken, { password }))).toMatchObject({ code: 'recovery_invalid' });
  });

  test('a right code to an address that went to another account meanwhile proves nothing', async () => {
    const [person, other] = [await newPerson(), await newPerson()];
    const begun = await begin(person.identifier);
    await stand.pool.query('update contact set account_id = $1 where account_id = $2', [
      other.accountId,
      person.accountId,
    ]);
    expect(await problemOf(proveCode(begun))).toMatchObject({ code: 'code_invalid' });
  });
});
