import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sendCode, sendContactCode } from '@meridian/contracts/identity.ts';
import { beginRecovery, openRecoveryTicket, sendRecoveryCode } from '@meridian/contracts/identity-recovery.ts';
import { codePurposes } from '../src/codes/code.ts';
import { problemOf, type Stand, startStand, waitFor } from './support/stand.ts';

describe('the captcha before unauthenticated sends', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await startStand({ region: 'cn', env: { CODES_BEFORE_CAPTCHA: '2' } });
  }, 60_000);
  afterAll(() => stand?.stop());

  const ip = (n: number) => `203.0.${n}.7`;
  const send = (from: string, captchaToken?: string, identifier = stand.identifiers.phone()) =>
    stand.ask(sendCode, { ip: from, body: { identifier, purpose: 'login', ...(captchaToken && { captchaToken }) } });
  const solve = async () =>
    ((await (await fetch(`${stand.sandbox.origin}/captcha/solve`, { method: 'POST' })).json()) as { token: string })
      .token;
  const exhaust = async (from: string) => {
    await send(from);
    await send(from);
  };

  test('is demanded above the threshold, of one network only, known identifiers and unknown alike', async () => {
    await exhaust(ip(1));
    const known = stand.identifiers.phone();
    await stand.signIn(known);
    stand.moveClock(61_000);
    const unknown = await problemOf(send(ip(1)));
    const toKnown = await problemOf(send(ip(1), undefined, known));
    for (const refused of [unknown, toKnown]) expect(refused).toMatchObject({ code: 'captcha_required', status: 403 });
    expect(toKnown.problem?.detail).toBe(unknown.problem?.detail);
    expect((await send(ip(2))).status).toBe(202);
  });

  test('a burst at the threshold passes no more than one after the other would', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, () =>
        send(ip(6)).then(
          ({ status }) => status,
          ({ code }: { code: string }) => code,
        ),
      ),
    );
    expect(outcomes.filter((one) => one === 202)).toHaveLength(2);
    expect(outcomes.filter((one) => one === 'captcha_required')).toHaveLength(10);
  });

  test('once solved lets one request pass; used again, made up or unsolved it does not', async () => {
    await exhaust(ip(3));
    const token = await solve();
    expect((await send(ip(3), token)).status).toBe(202);
    for (const bad of [token, 'made-up'])
      expect(await problemOf(send(ip(3), bad))).toMatchObject({ code: 'captcha_required' });
    await stand.control('captcha', { unsolved: { times: 1 } });
    expect(await problemOf(send(ip(3), await solve()))).toMatchObject({ code: 'captcha_required' });
  });

  test('is demanded of a /48 as of one network, whichever of its /64 ask', async () => {
    for (const n of [1, 2]) expect((await send(`2001:db8:5:${n}::1`)).status).toBe(202);
    expect(await problemOf(send('2001:db8:5:3::1'))).toMatchObject({ code: 'captcha_required' });
    expect((await send('2001:db8:6:3::1')).status).toBe(202);
  });

  test('that cannot be asked sends nothing', async () => {
    await exhaust(ip(4));
    await stand.control('captcha', { fail: { status: 500, times: 1 } });
    const identifier = stand.identifiers.phone();
    expect(await problemOf(send(ip(4), await solve(), identifier))).toMatchObject({ code: 'unavailable', status: 503 });
    expect(await stand.messages(identifier.value)).toEqual([]);
  });

  test('limiter store down: nothing is sent', async () => {
    const identifier = stand.identifiers.phone();
    await stand.pool.query('alter table limit_count rename to limit_count_gone');
    expect((await problemOf(send(ip(5), undefined, identifier))).status).toBeGreaterThanOrEqual(500);
    await stand.pool.query('alter table limit_count_gone rename to limit_count');
    expect(await stand.messages(identifier.value)).toEqual([]);
    expect((await send(ip(5), undefined, identifier)).status).toBe(202);
  });

  test('codes verified are a figure before the first is, or nothing could be compared with it', async () => {
    const text = await (await fetch(`${stand.urls().internalUrl}/metrics`)).text();
    for (const purpose of codePurposes)
      expect(text).toMatch(new RegExp(`identity_codes_verified_total\\{[^}]*purpose="${purpose}"[^}]*\\} \\d`));
    expect(text).toMatch(/identity_codes_verified_total\{[^}]*purpose="recover"[^}]*\} 0/);
  });

  test('sent and verified codes are counted, so that their ratio can be watched', async () => {
    await stand.signIn(stand.identifiers.phone());
    const text = await waitFor('the figures', async () => (await fetch(`${stand.urls().internalUrl}/metrics`)).text());
    expect(text).toMatch(/identity_codes_verified_total\{[^}]*purpose="login"[^}]*\} [1-9]/);
    expect(text).toMatch(/identity_codes_sent_total\{[^}]*outcome="taken"[^}]*\} [1-9]/);
  });
});

describe('what a whole region may be sent without a captcha', () => {
  let stand: Stand;
  beforeAll(async () => {
    // A tenth of the spend breaker, unless said otherwise.
    stand = await startStand({ region: 'cn', env: { CODES_PER_HOUR: '40', CODES_CAPTCHA_FREE_PER_HOUR: undefined } });
  }, 60_000);
  afterAll(() => stand?.stop());

  test('is a tenth of its spend breaker, from however many networks; then everybody solves one, and nobody is refused', async () => {
    const solve = async () =>
      ((await (await fetch(`${stand.sandbox.origin}/captcha/solve`, { method: 'POST' })).json()) as { token: string })
        .token;
    const person = await stand.signIn(stand.identifiers.phone());
    const send = (captchaToken?: string) =>
      stand.ask(sendCode, {
        body: { identifier: stand.identifiers.phone(), purpose: 'login', ...(captchaToken && { captchaToken }) },
      });
    const account = () => stand.identifiers.phone();
    const { recoveryToken } = (await stand.ask(beginRecovery, { body: { account: account() } })).body;
    const again = (captchaToken?: string) =>
      stand.ask(sendRecoveryCode, {
        body: { recoveryToken, identifier: account(), use: 'proof', ...(captchaToken && { captchaToken }) },
      });
    // One recovery does not stand for as many sends as its beginner likes.
    expect((await again()).status).toBe(202);
    const burst = await Promise.allSettled(Array.from({ length: 5 }, () => send()));
    expect(burst.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const ticket = { account: account(), contact: account() };
    for (const asked of [
      send(),
      again(),
      stand.ask(beginRecovery, { body: { account: account() } }),
      stand.ask(openRecoveryTicket, { body: ticket }),
    ])
      expect(await problemOf(asked)).toMatchObject({ code: 'captcha_required', status: 403 });
    expect((await send(await solve())).status).toBe(202);
    expect((await again(await solve())).status).toBe(202);
    expect((await stand.ask(openRecoveryTicket, { body: { ...ticket, captchaToken: await solve() } })).status).toBe(
      202,
    );
    const { accessToken: token } = person;
    expect((await stand.ask(sendContactCode, { token, body: { identifier: account() } })).status).toBe(202);
    stand.moveClock(62 * 60_000);
    expect((await send()).status).toBe(202);
  });
});
