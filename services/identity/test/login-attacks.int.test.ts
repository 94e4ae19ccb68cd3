// Attacks on sign-in by accounts elsewhere, over HTTP, each by its name: OAuth's, those before an account is born (arXiv 2205.10174), Kratos's.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Browser, choose, createBrowser, registerApps, returnToOf } from './support/browser.ts';
import { type Stand, startStand, waitFor } from './support/stand.ts';

let people = 500;
const newPerson = () => `person-${++people}`;
const mailOf = (person: string) => ({ kind: 'email' as const, value: `${person}@example.org` });
const errorOf = (url: URL) => url.searchParams.get('login_error');

describe('in a region of e-mail', () => {
  let stand: Stand;
  let browser: Browser;
  let attacker: Browser;
  beforeAll(async () => {
    stand = await startStand({ region: 'global' });
    await registerApps(stand);
  }, 60_000);
  afterAll(() => stand?.stop());
  beforeEach(async () => {
    browser = createBrowser(stand);
    attacker = createBrowser(stand);
    stand.moveClock(61_000);
    await fetch(`${stand.sandbox.origin}/control`, { method: 'DELETE' });
  });
  const tokenRequests = async (part: string) => {
    const answer = await fetch(`${stand.sandbox.origin}/control/${part}/requests`);
    const { byRoute } = (await answer.json()) as { byRoute: Record<string, number> };
    return Object.entries(byRoute).reduce((sum, [route, n]) => (/token/.test(route) ? sum + n : sum), 0);
  };
  const accountsOf = async () => Number((await stand.pool.query('select count(*) from account')).rows[0].count);

  describe('on the way there and back', () => {
    test('mix-up: the answer of one provider at the callback of another finds no flow, and its code is sent to nobody', async () => {
      const back = await choose((await browser.begin('google')).body.authorizeUrl, newPerson());
      const before = await tokenRequests('facebook');
      const astray = await browser.comeBack({ url: (back?.url ?? '').replace('/google/', '/facebook/') });
      expect(errorOf(astray)).toBe('login_flow_invalid');
      expect(await tokenRequests('facebook')).toBe(before);
      // At its own callback it is still good: the attempt cost nothing.
      expect(browser.codeOf(await browser.comeBack(back))).toHaveLength(43);
    });

    test('login CSRF: the state of another browser signs nobody in', async () => {
      // The attacker begins, and makes the victim's browser open the answer.
      const back = await choose((await attacker.begin('google')).body.authorizeUrl, newPerson());
      expect(errorOf(await browser.comeBack(back))).toBe('login_flow_invalid');
      // Also where the victim has a flow and a cookie of their own.
      await browser.begin('google');
      expect(errorOf(await browser.comeBack(back))).toBe('login_flow_invalid');
      // And a completion code is no better in another browser.
      const code = attacker.codeOf(await attacker.go('google', newPerson()));
      expect(await browser.complete(code)).toMatchObject({ status: 401, code: 'login_flow_invalid' });
    });

    test('login CSRF: a page of another site can neither begin nor complete', async () => {
      const code = browser.codeOf(await browser.go('google', newPerson()));
      for (const [path, body] of [
        ['/v1/logins/google', { returnTo: returnToOf(stand) }],
        ['/v1/sessions/login', { code }],
      ] as const) {
        const answer = await fetch(stand.urls().publicUrl + path, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            origin: 'https://evil.example',
            cookie: [...browser.jar].map(([name, { value }]) => `${name}=${value}`).join('; '),
          },
          body: JSON.stringify(body),
        });
        expect(answer.status).toBe(403);
        expect(await answer.json()).toMatchObject({ code: 'origin_not_allowed' });
      }
    });

    test("code injection: a victim's code in the attacker's own flow is refused (PKCE)", async () => {
      const stolen = await choose((await browser.begin('google')).body.authorizeUrl, newPerson());
      const own = await choose((await attacker.begin('google')).body.authorizeUrl, newPerson());
      const injected = new URL(own?.url ?? '');
      injected.searchParams.set('code', new URL(stolen?.url ?? '').searchParams.get('code') ?? '');
      expect(errorOf(await attacker.comeBack({ url: injected.href }))).toBe('login_failed');
    });

    test('callback replay: the second time the same answer finds no flow', async () => {
      const back = await choose((await browser.begin('google')).body.authorizeUrl, newPerson());
      expect(browser.codeOf(await browser.comeBack(back))).toHaveLength(43);
      expect(errorOf(await browser.comeBack(back))).toBe('login_flow_invalid');
    });

    test('state reuse: a state works for one answer, right or wrong', async () => {
      const { authorizeUrl } = (await browser.begin('google')).body;
      expect(errorOf(await browser.comeBack(await choose(authorizeUrl, '')))).toBe('login_denied');
      expect(errorOf(await browser.comeBack(await choose(authorizeUrl, newPerson())))).toBe('login_flow_invalid');
    });

    test('expired flow: after ten minutes the answer comes too late, after five the completion', async () => {
      const { authorizeUrl } = (await browser.begin('facebook')).body;
      const back = await choose(authorizeUrl, newPerson());
      stand.moveClock(601_000);
      expect(errorOf(await browser.comeBack(back))).toBe('login_flow_invalid');
      const code = browser.codeOf(await browser.go('facebook', newPerson()));
      stand.moveClock(301_000);
      expect(await browser.complete(code)).toMatchObject({ code: 'login_flow_invalid' });
    });

    test('concurrent completion: of ten requests with one code exactly one signs in', async () => {
      const before = await accountsOf();
      const code = browser.codeOf(await browser.go('google', newPerson()));
      const answers = await Promise.all(Array.from({ length: 10 }, () => browser.complete(code)));
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
      expect(answers.filter(({ code: problem }) => problem === 'login_flow_invalid')).toHaveLength(9);
      expect(await accountsOf()).toBe(before + 1);
    });

    test('concurrent first sign-ins of one person in five browsers make one account', async () => {
      const before = await accountsOf();
      const person = newPerson();
      const answers = await Promise.all(Array.from({ length: 5 }, () => createBrowser(stand).signIn('google', person)));
      expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(201));
      expect(new Set(answers.map(({ body }) => body.accountId)).size).toBe(1);
      expect(answers.filter(({ body }) => body.created)).toHaveLength(1);
      expect(await accountsOf()).toBe(before + 1);
    });

    test('parameter pollution: a code that comes twice is refused', async () => {
      const back = await choose((await browser.begin('google')).body.authorizeUrl, newPerson());
      const answer = await fetch(
        `${stand.urls().publicUrl}${new URL(back?.url ?? '').pathname}${new URL(back?.url ?? '').search}&code=another`,
        { redirect: 'manual' },
      );
      expect(answer.status).toBe(400);
    });
  });

  describe('before the account is born', () => {
    test('pre-hijacking: classic-federated merge', async () => {
      const victim = newPerson();
      // The attacker cannot even begin with the victim's address unproven: it is proven here, which is the strongest case.
      const first = await stand.signIn(mailOf(victim));
      const { body } = await browser.signIn('google', victim);
      expect(body).toMatchObject({ created: true });
      expect(body.accountId).not.toBe(first.accountId);
      const logins = await attacker.send('GET', '/v1/account/logins', undefined, first.accessToken);
      expect(logins.body.items).toEqual([]);
    });

    test('pre-hijacking: unexpired session', async () => {
      const person = newPerson();
      const early = await attacker.signIn('facebook', person);
      // The owner comes later, and proves an address: whoever was in before is out, refresh token included.
      const owner = await browser.signIn('facebook', person, { deviceId: 'the-device-of-the-owner' });
      const linked = await browser.link('google', newPerson(), owner.body.accessToken);
      expect(linked.status).toBe(201);
      expect(await attacker.send('GET', '/v1/account', undefined, early.body.accessToken)).toMatchObject({
        status: 401,
      });
      const refresh = await attacker.send('POST', '/v1/sessions/refresh', { refreshToken: early.body.refreshToken });
      expect(refresh).toMatchObject({ status: 401 });
    });

    test('pre-hijacking: trojan identifier', async () => {
      const victim = newPerson();
      // The attacker's account carries the victim's address as far as it can: offered by a provider that proves nothing.
      const trojan = await attacker.signIn('facebook', victim);
      const offer = (await attacker.send('GET', '/v1/account/logins', undefined, trojan.body.accessToken)).body;
      expect(offer.offeredEmail).toMatchObject({ address: mailOf(victim).value, proven: false });
      const owner = await stand.signIn(mailOf(victim));
      expect(owner.created).toBe(true);
      // The attacker's login opens the attacker's account only, and takes nothing over.
      const again = await attacker.signIn('facebook', victim);
      expect(again.body.accountId).toBe(trojan.body.accountId);
      expect(again.body.accountId).not.toBe(owner.accountId);
      expect(
        await attacker.send('POST', '/v1/account/contacts/offered', undefined, again.body.accessToken),
      ).toMatchObject({ status: 404 });
    });

    test('pre-hijacking: unexpired identifier change', async () => {
      const victim = newPerson();
      const early = await attacker.signIn('google', newPerson());
      const token = early.body.accessToken;
      const identifier = mailOf(victim);
      const change = await attacker.codeTo(identifier.value, '/v1/account/contacts/codes', { identifier }, token);
      stand.moveClock(61_000);
      const owner = await stand.signIn(identifier);
      expect(owner.created).toBe(true);
      // The change that was begun long before cannot be finished, not even with its code.
      const late = { identifier, codeId: change.sent.body.codeId, code: change.code };
      expect(await attacker.send('POST', '/v1/account/contacts', late, token)).toMatchObject({
        status: 409,
        code: 'contact_taken',
      });
      // Nor a link that was begun before the owner secured the account, not even in the very session that began it: linking rule 5.
      const page = await browser.go('facebook', newPerson(), '/v1/account/logins/facebook/link', owner.accessToken);
      const confirm = () =>
        browser.send('POST', '/v1/account/logins', { code: browser.codeOf(page) }, owner.accessToken);
      expect((await browser.link('google', newPerson(), owner.accessToken)).status).toBe(201);
      expect(await confirm()).toMatchObject({ code: 'login_flow_invalid' });
    });

    test('pre-hijacking: non-verifying IdP', async () => {
      // Facebook names the victim's address without having proven it; Google says so itself; and Google is not the mailbox's keeper.
      const cases: ['facebook' | 'google', object][] = [
        ['facebook', {}],
        ['google', { email: 'not_verified', hd: 'example.org' }],
        ['google', { claimForm: 'string', email: 'not_verified', hd: 'example.org' }],
        ['google', {}],
      ];
      for (const [name, faults] of cases) {
        const victim = newPerson();
        const owner = await stand.signIn(mailOf(victim));
        await stand.control(name, faults);
        const { body } = await attacker.signIn(name, victim);
        expect(body.accountId).not.toBe(owner.accountId);
        const logins = await attacker.send('GET', '/v1/account/logins', undefined, body.accessToken);
        expect(logins.body.offeredEmail).toMatchObject({ address: mailOf(victim).value, proven: false });
        expect(await attacker.send('POST', '/v1/account/contacts/offered', undefined, body.accessToken)).toMatchObject({
          status: 404,
        });
        const account = await attacker.send('GET', '/v1/account', undefined, body.accessToken);
        expect(account.body.contacts).toEqual([]);
      }
    });

    test('a proven address becomes the security e-mail when its person takes it over, not before, and within a day', async () => {
      await stand.control('google', { hd: 'example.org' });
      const [person, late] = [newPerson(), newPerson()];
      const { body } = await browser.signIn('google', person);
      const account = () => browser.send('GET', '/v1/account', undefined, body.accessToken);
      expect((await account()).body.contacts).toEqual([]);
      // As if a sign-in of somebody else waited for its second factor: linking rule 5.
      await stand.pool.query(
        "insert into pending_sign_in (challenge_hash, account_id, method, expires_at) values ('offered', $1, 'google', now() + interval '1 hour')",
        [body.accountId],
      );
      expect(await browser.send('POST', '/v1/account/contacts/offered', undefined, body.accessToken)).toMatchObject({
        status: 201,
        body: { kind: 'email' },
      });
      const waiting = await stand.pool.query('select 1 from pending_sign_in where account_id = $1', [body.accountId]);
      expect(waiting.rowCount).toBe(0);
      // It is the account's only address, so it is the one that is told.
      await waitFor('the notice', async () =>
        (await stand.messages(mailOf(person).value)).some(({ text }) => text.includes('e-mail address was added')),
      );
      expect((await account()).body.contacts).toHaveLength(1);
      expect((await stand.signIn(mailOf(person))).accountId).toBe(body.accountId);
      await browser.signIn('google', late);
      stand.moveClock(24 * 3_600_000 + 1_000);
      const again = await browser.signIn('google', late);
      expect(
        await browser.send('POST', '/v1/account/contacts/offered', undefined, again.body.accessToken),
      ).toMatchObject({ status: 404 });
    });

    test('an address that Facebook named becomes the security e-mail by our own mailed code', async () => {
      const person = newPerson();
      const { body } = await browser.signIn('facebook', person);
      const identifier = mailOf(person);
      const { sent, code } = await browser.codeTo(
        identifier.value,
        '/v1/account/contacts/codes',
        { identifier },
        body.accessToken,
      );
      expect(
        await browser.send(
          'POST',
          '/v1/account/contacts',
          { identifier, codeId: sent.body.codeId, code },
          body.accessToken,
        ),
      ).toMatchObject({ status: 201 });
    });
  });

  test('new terms are put to a known person who comes back by a provider; the same code comes back with the consent', async () => {
    const person = newPerson();
    const { accountId } = (await browser.signIn('google', person)).body;
    await stand.pool.query("update consent set terms_version = '2020-01' where account_id = $1", [accountId]);
    const code = browser.codeOf(await browser.go('google', person));
    for (const given of [{}, { termsVersion: '2020-01' }])
      expect(await browser.complete(code, given)).toMatchObject({ status: 422, code: 'consent_required' });
    expect((await browser.complete(code)).body).toMatchObject({ accountId, created: false });
    expect((await browser.signIn('google', person, {})).body.accountId).toBe(accountId);
  });

  describe("Kratos's cases", () => {
    test('confused provider: a link that was begun at one provider is not finished by another', async () => {
      const { body } = await browser.signIn('google', newPerson());
      const begun = await browser.begin('google', '/v1/account/logins/google/link', body.accessToken);
      const state = new URL(begun.body.authorizeUrl).searchParams.get('state') ?? '';
      const other = new URL((await browser.begin('facebook')).body.authorizeUrl);
      other.searchParams.set('state', state);
      const back = await choose(other.href, newPerson());
      expect(errorOf(await browser.comeBack(back))).toBe('login_flow_invalid');
      const logins = await browser.send('GET', '/v1/account/logins', undefined, body.accessToken);
      expect(logins.body.items.map((one: { provider: string }) => one.provider)).toEqual(['google']);
    });

    test('cannot unlink the last one, nor two at once', async () => {
      const person = newPerson();
      const { body } = await browser.signIn('google', person);
      await browser.link('facebook', person, body.accessToken);
      const { items } = (await browser.send('GET', '/v1/account/logins', undefined, body.accessToken)).body;
      const answers = await Promise.all(
        items.map(({ loginId }: { loginId: string }) =>
          browser.send('DELETE', `/v1/account/logins/${loginId}`, undefined, body.accessToken),
        ),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([204, 409]);
    });

    test('cannot link without privileged session, at the begin nor at the end; a fresh proof by the linked login opens it', async () => {
      const person = newPerson();
      const { body } = await browser.signIn('google', person);
      // Proven 285 seconds ago: fresh enough to begin, too old by the time the person is back.
      stand.moveClock(285_000);
      const kept = (await browser.send('POST', '/v1/sessions/refresh', { refreshToken: body.refreshToken })).body;
      const page = await browser.go('facebook', newPerson(), '/v1/account/logins/facebook/link', kept.accessToken);
      stand.moveClock(16_000);
      const late = { code: browser.codeOf(page) };
      expect(await browser.send('POST', '/v1/account/logins', late, kept.accessToken)).toMatchObject({
        status: 403,
        code: 'reauthentication_required',
      });
      expect(await browser.begin('facebook', '/v1/account/logins/facebook/link', kept.accessToken)).toMatchObject({
        status: 403,
        code: 'reauthentication_required',
      });
      expect(await browser.prove('google', newPerson(), kept.accessToken)).toMatchObject({ code: 'login_not_linked' });
      expect(await browser.prove('google', person, kept.accessToken)).toMatchObject({ status: 200 });
      // Refused, not used up: the same answer is linked after the proof.
      expect(await browser.send('POST', '/v1/account/logins', late, kept.accessToken)).toMatchObject({ status: 201 });
    });
  });

  test('a login that was just linked is no proof: whoever stole a session cannot bring their own', async () => {
    const { body } = await attacker.signIn('google', newPerson());
    const own = newPerson();
    expect((await attacker.link('facebook', own, body.accessToken)).status).toBe(201);
    expect(await attacker.prove('facebook', own, body.accessToken)).toMatchObject({
      status: 403,
      code: 'login_not_linked',
    });
    stand.moveClock(24 * 3_600_000 + 1_000);
    const later = await attacker.signIn('facebook', own);
    expect((await attacker.prove('facebook', own, later.body.accessToken)).status).toBe(200);
  });

  test('with a second factor on, a provider only begins a sign-in, and is no fresh proof', async () => {
    const person = newPerson();
    const { body } = await browser.signIn('google', person);
    await stand.pool.query("insert into totp (account_id, sealed, confirmed_at) values ($1, 'x', now())", [
      body.accountId,
    ]);
    const answer = await browser.signIn('google', person);
    expect(answer).toMatchObject({ status: 403, code: 'second_factor_required' });
    expect(answer.body.challenge).toEqual(expect.any(String));
    const begun = await browser.begin('google', '/v1/sessions/current/proof/google', body.accessToken);
    expect(begun).toMatchObject({ status: 403, code: 'second_factor_required' });
  });

  test('a browser gets its refresh token in the cookie, as at every other sign-in', async () => {
    const answer = await browser.signIn('google', newPerson(), {
      termsVersion: stand.termsVersion,
      delivery: 'cookie',
    });
    expect(answer).toMatchObject({ status: 201, body: { refreshToken: null } });
    expect(browser.jar.get('__Host-meridian-refresh')?.sameSite).toBe('strict');
    expect((await browser.send('POST', '/v1/sessions/refresh', {})).status).toBe(200);
  });
});

describe('in a region that binds phones', () => {
  let stand: Stand;
  let browser: Browser;
  beforeAll(async () => {
    stand = await startStand({ region: 'cn' });
    await registerApps(stand);
  }, 60_000);
  afterAll(() => stand?.stop());
  beforeEach(() => {
    browser = createBrowser(stand);
    stand.moveClock(61_000);
  });

  test('Kratos: traits cannot be swapped: neither the phone nor the login of a binding changes on submit', async () => {
    const { body } = await browser.signIn('xiaomi', newPerson());
    const { bindingToken } = body;
    const [mine, theirs] = [stand.identifiers.phone(), stand.identifiers.phone()];
    const { sent, code } = await browser.codeTo(mine.value, '/v1/logins/binding/codes', {
      bindingToken,
      identifier: mine,
    });
    const given = { codeId: sent.body.codeId, code, termsVersion: stand.termsVersion };
    expect(
      await browser.send('POST', '/v1/logins/binding', { ...given, bindingToken, identifier: theirs }),
    ).toMatchObject({ status: 401, code: 'code_invalid' });
    // A code that was sent for one binding is none of another's, and none of a sign-in's.
    const other = (await browser.signIn('qq', newPerson())).body;
    expect(
      await browser.send('POST', '/v1/logins/binding', {
        ...given,
        bindingToken: other.bindingToken,
        identifier: mine,
      }),
    ).toMatchObject({ status: 401, code: 'code_invalid' });
    expect(await browser.send('POST', '/v1/sessions', { ...given, identifier: mine })).toMatchObject({ status: 401 });
    // Nor does the binding go on in another browser.
    expect(
      await createBrowser(stand).send('POST', '/v1/logins/binding', { ...given, bindingToken, identifier: mine }),
    ).toMatchObject({ code: 'login_flow_invalid' });
    expect(
      await browser.send('POST', '/v1/logins/binding', { ...given, bindingToken, identifier: mine }),
    ).toMatchObject({ status: 201 });
  });

  test('login CSRF at Apple: the form that another site posts finds its browser by the SameSite=None cookie only', async () => {
    const begun = await browser.begin('apple');
    expect(browser.jar.get('__Host-meridian-login-form')?.sameSite).toBe('none');
    expect(browser.jar.has('__Host-meridian-login')).toBe(false);
    const back = await choose(begun.body.authorizeUrl, newPerson());
    expect(back?.form).toBeDefined();
    expect(errorOf(await createBrowser(stand).comeBack(back))).toBe('login_flow_invalid');
    // The same answer as a query is not the provider's.
    expect(errorOf(await browser.comeBack({ url: `${back?.url}?${back?.form}` }))).toBe('login_flow_invalid');
    expect(browser.codeOf(await browser.comeBack(back))).toHaveLength(43);
  });

  test("a form at the callback of a provider that answers by query is not the provider's", async () => {
    const back = await choose((await browser.begin('xiaomi')).body.authorizeUrl, newPerson());
    const url = new URL(back?.url ?? '');
    expect(errorOf(await browser.comeBack({ url: url.origin + url.pathname, form: url.searchParams }))).toBe(
      'login_flow_invalid',
    );
  });

  test.each(['stay', 'back'])('WeChat: a refusal that answers by "%s" signs nobody in', async (refusal) => {
    await stand.control('wechat', { refusal });
    const back = await choose((await browser.begin('wechat')).body.authorizeUrl, '');
    if (refusal === 'stay') expect(back).toBeUndefined();
    else expect(errorOf(await browser.comeBack(back))).toBe('login_denied');
  });

  test('two people bind one phone at once: one account, the other is told that it exists', async () => {
    const identifier = stand.identifiers.phone();
    const confirms: (() => ReturnType<Browser['send']>)[] = [];
    for (const name of ['xiaomi', 'weibo'] as const) {
      const own = createBrowser(stand);
      const { bindingToken } = (await own.signIn(name, newPerson())).body;
      const path = '/v1/logins/binding/codes';
      const { sent, code } = await own.codeTo(identifier.value, path, { bindingToken, identifier });
      const given = { bindingToken, identifier, codeId: sent.body.codeId, code, termsVersion: stand.termsVersion };
      confirms.push(() => own.send('POST', '/v1/logins/binding', given));
      stand.moveClock(61_000);
    }
    const answers = await Promise.all(confirms.map((confirm) => confirm()));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
    expect(answers.find(({ status }) => status === 409)?.code).toBe('account_exists');
  });
});
