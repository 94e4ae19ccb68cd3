// Sign-in by accounts elsewhere, from the button to the tokens: every provider of every profile, through the sandbox.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { FederatedLogin } from '@meridian/regions/profile.ts';
import { profiles } from '@meridian/regions/region.ts';
import { type Browser, choose, createBrowser, registerApps, returnToOf, signInBy } from './support/browser.ts';
import { type Stand, startStand, waitFor } from './support/stand.ts';

const everyLogin = Object.entries(profiles).map(([region, profile]) => ({
  region,
  names: profile.registration.federated,
}));

describe.each(everyLogin)('in $region', ({ region, names }) => {
  let stand: Stand;
  let browser: Browser;
  beforeAll(async () => {
    stand = await startStand({ region });
    await registerApps(stand);
  }, 60_000);
  afterAll(() => stand?.stop());
  const newBrowser = () => {
    browser = createBrowser(stand);
    return browser;
  };

  const outcomesOf = async (name: string) => {
    const text = await (await fetch(`${stand.urls().internalUrl}/metrics`)).text();
    const figures = text.matchAll(/^identity_logins_total\{(.*)\} (\d+)$/gm);
    return Object.fromEntries(
      [...figures]
        .filter(([, labels = '']) => labels.includes(`provider="${name}"`))
        .map(([, labels = '', count]) => [/outcome="(\w+)"/.exec(labels)?.[1], Number(count)]),
    );
  };
  test('every provider of the region, and no other, is counted from the start', async () => {
    const none = { proven: 0, login_denied: 0, login_unavailable: 0, login_failed: 0 };
    for (const name of names) expect(await outcomesOf(name)).toEqual(none);
    const foreign = everyLogin.flatMap((one) => one.names).find((name) => !names.includes(name));
    expect(await outcomesOf(String(foreign))).toEqual({});
  });

  test.each([...names])('%s signs in end to end: a new account first, the same one afterwards', async (name) => {
    const first = await signInBy(stand, newBrowser(), name, 'person-1');
    expect(first).toMatchObject({ status: 201, body: { created: true, tokenType: 'Bearer' } });
    const again = await newBrowser().signIn(name, 'person-1', {});
    expect(again).toMatchObject({ status: 201, body: { created: false, accountId: first.body.accountId } });
    const other = await signInBy(stand, newBrowser(), name, 'person-2');
    expect(other.body.accountId).not.toBe(first.body.accountId);

    const logins = await browser.send('GET', '/v1/account/logins', undefined, other.body.accessToken);
    expect(logins.body.items).toMatchObject([{ provider: name, endsAt: null }]);
    const log = await browser.send('GET', '/v1/account/security-log', undefined, again.body.accessToken);
    expect(log.body.items.map((row: { kind: string; method: string | null }) => [row.kind, row.method])).toEqual([
      ['signed_in', name],
      ['signed_in', name],
      ['login_linked', name],
      ['account_registered', name],
    ]);
  });

  test.each([...names])('%s: a refusal leads back with the address of the help centre', async (name) => {
    const url = await newBrowser().go(name, '');
    expect(url.origin + url.pathname).toBe(returnToOf(stand));
    expect(Object.fromEntries(url.searchParams)).toEqual({
      login_error: 'login_denied',
      help: stand.profile.links.helpCentre,
    });
  });

  test.each([...names])('%s: an outage and an error of the provider lead back, too', async (name) => {
    // In WeChat's and Facebook's own words any failure of theirs is one that passes; what does not is a code of their lists.
    const own = { wechat: { tokenError: { code: 40125 } }, facebook: { tokenError: { code: 101 } } };
    const lasting = name === 'wechat' || name === 'facebook' ? own[name] : { fail: { status: 400 } };
    const errors: object[] = [{ fail: { status: 503 } }, lasting];
    const told: unknown[] = [];
    const before = await outcomesOf(name);
    const logged = stand.logged.length;
    for (const faults of errors) {
      const begun = await newBrowser().begin(name);
      const back = await choose(begun.body.authorizeUrl, 'person-1');
      await stand.control(name, faults);
      told.push(Object.fromEntries((await browser.comeBack(back)).searchParams));
      await fetch(`${stand.sandbox.origin}/control`, { method: 'DELETE' });
    }
    const help = stand.profile.links.helpCentre;
    expect(told).toEqual([
      { login_error: 'login_unavailable', help },
      { login_error: 'login_failed', help },
    ]);
    // The operator sees both.
    const after = await outcomesOf(name);
    expect(after).toEqual({
      ...before,
      login_unavailable: Number(before.login_unavailable) + 1,
      login_failed: Number(before.login_failed) + 1,
    });
    const lines = stand.logged.slice(logged).filter((line) => line.includes('a login could not be completed'));
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { provider: name, code: 'provider_unavailable' },
      { provider: name, code: expect.stringMatching(/^(provider_error|invalid_callback)$/) },
    ]);
  });

  test('neither tokens nor personal data are in any address', async () => {
    const [name] = names as [FederatedLogin];
    const url = await newBrowser().go(name, 'lin');
    expect([...url.searchParams.keys()]).toEqual(['login']);
    const { body } = await signInBy(stand, newBrowser(), name, 'lin');
    const { rows } = await stand.pool.query(
      `select l::text || coalesce((select string_agg(i::text, ' ') from linked_login_id i where i.login_id = l.id), '') as text from linked_login l where account_id = $1`,
      [body.accountId],
    );
    expect(rows.length).toBe(1);
    expect(rows[0].text).not.toMatch(/林晓|lin@/);
    expect(stand.logged.join('')).not.toMatch(/林晓|lin@example/);
  });

  test('only addresses of the profile are returned to, character by character', async () => {
    const [name] = names as [FederatedLogin];
    for (const returnTo of [
      `${returnToOf(stand)}/`,
      `${returnToOf(stand)}?next=https://evil.example`,
      'https://evil.example/login',
      returnToOf(stand).replace('https://', 'https://x@'),
    ])
      expect(await newBrowser().send('POST', `/v1/logins/${name}`, { returnTo })).toMatchObject({
        status: 422,
        code: 'return_not_allowed',
      });
  });

  test('a provider of another profile is none here', async () => {
    const foreign = everyLogin.flatMap((one) => one.names).find((name) => !names.includes(name));
    expect(await newBrowser().send('POST', `/v1/logins/${foreign}`, { returnTo: returnToOf(stand) })).toMatchObject({
      status: 404,
    });
  });

  test('a sign-in on a new device is told to the owner, as every other', async () => {
    const [name] = names as [FederatedLogin];
    const { body } = await signInBy(stand, newBrowser(), name, 'person-30');
    const noticesOf = async () =>
      (await stand.pool.query('select 1 from known_device where account_id = $1', [body.accountId])).rows.length;
    expect(await noticesOf()).toBe(1);
    await newBrowser().signIn(name, 'person-30', { deviceId: 'another-device-of-theirs' });
    expect(await noticesOf()).toBe(2);
    const [contact] = (await browser.send('GET', '/v1/account', undefined, body.accessToken)).body.contacts;
    // An account without an address has nobody to tell; where phones are bound, the phone is told.
    expect(contact !== undefined).toBe(stand.profile.registration.bindPhone);
    if (contact === undefined) return;
    const phone = `+86138${10_000_000 + Number(contact.masked.slice(-4))}`;
    await waitFor('the notice', async () => (await stand.messages(phone)).some(({ text }) => text.includes('新设备')));
  });
});
