// The eight rules by which logins and accounts belong together.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Browser, createBrowser, registerApps, signInBy } from './support/browser.ts';
import { type Stand, startStand } from './support/stand.ts';

let people = 100;
const newPerson = () => `person-${++people}`;

describe('where phones are bound', () => {
  let stand: Stand;
  let browser: Browser;
  beforeAll(async () => {
    stand = await startStand({ region: 'cn' });
    await registerApps(stand);
  }, 60_000);
  afterAll(() => stand?.stop());
  beforeEach(() => {
    browser = createBrowser(stand);
    // Sends to one phone, and from one network, are a minute apart.
    stand.moveClock(61_000);
  });
  const faults = (part: string, given: object) => stand.control(part, given);
  const reset = () => fetch(`${stand.sandbox.origin}/control`, { method: 'DELETE' });
  const bindingOf = async (name: 'xiaomi' | 'wechat' | 'qq', person: string, at = browser) => {
    const answer = await at.signIn(name, person);
    expect(answer).toMatchObject({ status: 403, code: 'phone_binding_required' });
    return answer.body.bindingToken as string;
  };

  test('linking rule 1: the key is (provider, app, id kind, id): a union id that comes later joins, another kind is another id', async () => {
    const person = newPerson();
    await faults('wechat', { noUnionId: true });
    const first = await signInBy(stand, browser, 'wechat', person);
    await reset();
    // The day the union id starts to arrive.
    const second = await createBrowser(stand).signIn('wechat', person);
    expect(second.body).toMatchObject({ accountId: first.body.accountId, created: false });
    const { rows } = await stand.pool.query(
      'select i.kind, i.app from linked_login_id i join linked_login l on l.id = i.login_id where l.account_id = $1 order by 1',
      [first.body.accountId],
    );
    expect(rows.map((row) => row.kind)).toEqual(['openid', 'unionid']);
    // The same value under another kind, app or provider finds nobody.
    for (const [column, other] of [
      ['kind', "'id of another kind ' || kind"],
      ['app', "'another app'"],
      ['provider', "'qq'"],
    ]) {
      const { rows: mine } = await stand.pool.query(
        'select i.* from linked_login_id i join linked_login l on l.id = i.login_id where l.account_id = $1',
        [first.body.accountId],
      );
      const own = mine.map((row) => row.subject_hash as string);
      expect(own).toHaveLength(2);
      await stand.pool.query(`update linked_login_id set ${column} = ${other} where subject_hash = any($1)`, [own]);
      expect((await createBrowser(stand).signIn('wechat', person)).code).toBe('phone_binding_required');
      for (const row of mine)
        await stand.pool.query(`update linked_login_id set ${column} = $2 where subject_hash = $1`, [
          row.subject_hash,
          row[String(column)],
        ]);
      expect((await createBrowser(stand).signIn('wechat', person)).body.accountId).toBe(first.body.accountId);
    }
  });

  test('linking rule 3: proof is bound to flow and upstream id', async () => {
    const [mine, theirs] = [newPerson(), newPerson()];
    // The older of the two, so that only whose login it is can speak against it.
    const another = newPerson();
    const other = await signInBy(stand, browser, 'xiaomi', another);
    stand.moveClock(61_000);
    const owner = await signInBy(stand, browser, 'xiaomi', mine);
    // A link that was begun by one session is confirmed by no other account and for no other purpose.
    const url = await browser.go('qq', theirs, '/v1/account/logins/qq/link', owner.body.accessToken);
    const code = browser.codeOf(url);
    expect(await browser.send('POST', '/v1/account/logins', { code }, other.body.accessToken)).toMatchObject({
      status: 401,
      code: 'login_flow_invalid',
    });
    expect(await browser.complete(code)).toMatchObject({ status: 401, code: 'login_flow_invalid' });
    expect(
      await browser.send('POST', '/v1/sessions/current/login-proof', { code }, owner.body.accessToken),
    ).toMatchObject({ code: 'login_flow_invalid' });
    expect(await browser.send('POST', '/v1/account/logins', { code }, owner.body.accessToken)).toMatchObject({
      status: 201,
      body: { provider: 'qq' },
    });
    // Somebody else's login is no proof of this account (CVE-2026-9087).
    for (const person of [another, newPerson()])
      expect(await browser.prove('xiaomi', person, owner.body.accessToken)).toMatchObject({
        status: 403,
        code: 'login_not_linked',
      });
  });

  test('linking rule 4: what is unverified owns nothing, blocks nobody, and is gone within 24 hours', async () => {
    const phone = stand.identifiers.phone();
    const person = newPerson();
    const token = await bindingOf('xiaomi', person);
    await browser.send('POST', '/v1/logins/binding/codes', { bindingToken: token, identifier: phone });
    // The number was asked for by a binding; its owner registers nevertheless.
    stand.moveClock(61_000);
    const owner = await stand.signIn(phone);
    expect(owner.created).toBe(true);
    // Neither does the waiting login block itself: another flow of the same person goes on.
    const again = await signInBy(stand, createBrowser(stand), 'xiaomi', person);
    expect(again).toMatchObject({ status: 201, body: { created: true } });
    expect(again.body.accountId).not.toBe(owner.accountId);
    const { rows } = await stand.pool.query(
      "select max(expires_at - created_at) <= interval '24 hours' as short from pending_login",
    );
    expect(rows[0].short).toBe(true);
    stand.moveClock(30 * 60_000);
    expect(await browser.bind(token, phone.value)).toMatchObject({ code: 'login_flow_invalid' });
  });

  test('a wrong code at a binding is logged for the account that has the phone, and under no other name', async () => {
    const owner = await stand.signIn(stand.identifiers.phone());
    stand.moveClock(61_000);
    for (const identifier of [owner.identifier, stand.identifiers.phone()]) {
      const bindingToken = await bindingOf('xiaomi', newPerson());
      const codePath = '/v1/logins/binding/codes';
      const { sent, code } = await browser.codeTo(identifier.value, codePath, { bindingToken, identifier });
      const { codeId } = sent.body;
      const wrong = { bindingToken, identifier, codeId, code: code === '000000' ? '111111' : '000000' };
      expect(await browser.send('POST', '/v1/logins/binding', wrong)).toMatchObject({ code: 'code_invalid' });
    }
    const { rows } = await stand.pool.query("select account_id from security_log where kind = 'code_wrong'");
    expect(rows).toEqual(expect.arrayContaining([{ account_id: owner.accountId }, { account_id: null }]));
    expect(rows.filter(({ account_id: id }) => id !== null && !id.startsWith('acc_'))).toEqual([]);
  });

  test('linking rule 5: a contact that gets verified ends older sessions, pending changes and unconfirmed links', async () => {
    const person = newPerson();
    const owner = await signInBy(stand, browser, 'xiaomi', person);
    const intruder = createBrowser(stand);
    const older = await intruder.signIn('xiaomi', person);
    const url = await intruder.go('qq', newPerson(), '/v1/account/logins/qq/link', older.body.accessToken);
    const identifier = stand.identifiers.phone();
    const { sent, code } = await browser.codeTo(
      identifier.value,
      '/v1/account/contacts/codes',
      { identifier },
      owner.body.accessToken,
    );
    const added = await browser.send(
      'POST',
      '/v1/account/contacts',
      { identifier, codeId: sent.body.codeId, code },
      owner.body.accessToken,
    );
    expect(added.status).toBe(201);
    expect(await intruder.send('GET', '/v1/account', undefined, older.body.accessToken)).toMatchObject({ status: 401 });
    const { rows } = await stand.pool.query('select 1 from pending_login where account_id = $1', [
      owner.body.accountId,
    ]);
    expect(rows).toEqual([]);
    const late = { code: intruder.codeOf(url) };
    expect(await intruder.send('POST', '/v1/account/logins', late, owner.body.accessToken)).toMatchObject({
      code: 'login_flow_invalid',
    });
  });

  test('linking rule 7: without a bound phone it ends in phone_binding_required, and that token reaches the binding endpoints only', async () => {
    const token = await bindingOf('wechat', newPerson());
    for (const [method, path] of [
      ['GET', '/v1/account'],
      ['GET', '/v1/account/logins'],
      ['GET', '/v1/sessions'],
      ['DELETE', '/v1/sessions/current'],
      ['POST', '/v1/account/totp'],
    ] as const)
      expect(await browser.send(method, path, undefined, token)).toMatchObject({ status: 401 });
    expect(await browser.complete(token)).toMatchObject({ code: 'login_flow_invalid' });
    expect(
      await browser.send('POST', '/v1/sessions/second-factor', {
        challenge: token,
        factor: { method: 'totp', code: '123456' },
      }),
    ).toMatchObject({ code: 'factor_invalid' });
    expect((await browser.send('POST', '/v1/sessions/refresh', { refreshToken: token })).status).toBe(401);
    const { rows } = await stand.pool.query(
      'select count(*)::int as n from linked_login l join account a on a.id = l.account_id left join contact c on c.account_id = a.id where c.id is null',
    );
    expect(rows[0].n).toBe(0);
    // Without consent nothing is lost: the same binding goes on.
    const phone = stand.identifiers.phone().value;
    expect(await browser.bind(token, phone, {})).toMatchObject({ status: 422, code: 'consent_required' });
    stand.moveClock(61_000);
    const bound = await browser.bind(token, phone);
    expect(bound).toMatchObject({ status: 201, body: { created: true } });
    expect(await browser.bind(token, phone)).toMatchObject({ code: 'login_flow_invalid' });
  });

  test('linking rule 7: the bound phone can be replaced, and never removed', async () => {
    const { body } = await signInBy(stand, browser, 'xiaomi', newPerson());
    const [phone] = (await browser.send('GET', '/v1/account', undefined, body.accessToken)).body.contacts;
    expect(
      await browser.send('DELETE', `/v1/account/contacts/${phone.contactId}`, undefined, body.accessToken),
    ).toMatchObject({ status: 409, code: 'last_login_method' });
  });

  test('linking rule 8: binding a phone of another account never merges', async () => {
    const phone = stand.identifiers.phone();
    const owner = await stand.signIn(phone);
    stand.moveClock(61_000);
    const person = newPerson();
    const token = await bindingOf('qq', person);
    expect(await browser.bind(token, phone.value)).toMatchObject({
      status: 409,
      code: 'account_exists',
      body: { helpCentre: stand.profile.links.helpCentre },
    });
    const { rows } = await stand.pool.query('select 1 from linked_login where account_id = $1', [owner.accountId]);
    expect(rows).toEqual([]);
    // What is offered instead: sign in to the account that is there, then link.
    stand.moveClock(61_000);
    const again = await stand.signIn(phone);
    expect(again.accountId).toBe(owner.accountId);
    expect(await browser.link('qq', person, again.accessToken)).toMatchObject({ status: 201 });
    expect((await createBrowser(stand).signIn('qq', person)).body.accountId).toBe(owner.accountId);
  });
});

describe('where they are not', () => {
  let stand: Stand;
  let browser: Browser;
  beforeAll(async () => {
    stand = await startStand({ region: 'global' });
    await registerApps(stand);
  }, 60_000);
  afterAll(() => stand?.stop());
  beforeEach(() => {
    browser = createBrowser(stand);
    stand.moveClock(61_000);
  });

  test('linking rule 2: no automatic merge: a known e-mail registers a new account, and linking needs the old one with fresh re-authentication', async () => {
    const person = newPerson();
    const address = `${person}@example.org`;
    await stand.control('google', { hd: 'example.org' });
    const owner = await stand.signIn({ kind: 'email', value: address });
    const federated = await browser.signIn('google', person);
    expect(federated).toMatchObject({ status: 201, body: { created: true } });
    expect(federated.body.accountId).not.toBe(owner.accountId);
    // Offered, and refused: it belongs to somebody.
    const offered = await browser.send('POST', '/v1/account/contacts/offered', undefined, federated.body.accessToken);
    expect(offered).toMatchObject({ status: 409, code: 'contact_taken' });
    // A login of another account is not moved either.
    expect(await browser.link('google', person, owner.accessToken)).toMatchObject({ status: 409, code: 'login_taken' });
    // The way that is offered: sign in there, prove oneself, link. Without a fresh proof nobody is sent anywhere.
    stand.moveClock(6 * 60_000);
    const fresh = newPerson();
    const { body: stale } = await browser.send('POST', '/v1/sessions/refresh', { refreshToken: owner.refreshToken });
    expect(await browser.begin('google', '/v1/account/logins/google/link', stale.accessToken)).toMatchObject({
      status: 403,
      code: 'reauthentication_required',
    });
    await stand.control('google', {});
    const again = await stand.signIn({ kind: 'email', value: address });
    expect(await browser.link('google', fresh, again.accessToken)).toMatchObject({ status: 201 });
    expect((await createBrowser(stand).signIn('google', fresh)).body.accountId).toBe(owner.accountId);
  });

  test('linking rule 6: the last login method cannot be unlinked', async () => {
    const person = newPerson();
    const { body } = await browser.signIn('google', person);
    const token = body.accessToken;
    const [login] = (await browser.send('GET', '/v1/account/logins', undefined, token)).body.items;
    const unlink = () => browser.send('DELETE', `/v1/account/logins/${login.loginId}`, undefined, token);
    expect(await unlink()).toMatchObject({ status: 409, code: 'last_login_method' });
    expect((await createBrowser(stand).signIn('google', person)).body.accountId).toBe(body.accountId);
    expect((await browser.link('facebook', person, token)).status).toBe(201);
    expect((await unlink()).status).toBe(204);
    const [left] = (await browser.send('GET', '/v1/account/logins', undefined, token)).body.items;
    expect(left.provider).toBe('facebook');
    expect(await browser.send('DELETE', `/v1/account/logins/${left.loginId}`, undefined, token)).toMatchObject({
      code: 'last_login_method',
    });
    // What was unlinked is free: it begins an account of its own.
    expect((await createBrowser(stand).signIn('google', person)).body).toMatchObject({ created: true });
  });
});
