import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sendCode } from '@meridian/contracts/identity.ts';
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

  test('sent and verified codes are counted, so that their ratio can be watched', async () => {
    await stand.signIn(stand.identifiers.phone());
    const text = await waitFor('the figures', async () => (await fetch(`${stand.urls().internalUrl}/metrics`)).text());
    expect(text).toMatch(/identity_codes_verified_total\{[^}]*purpose="login"[^}]*\} [1-9]/);
    expect(text).toMatch(/identity_codes_sent_total\{[^}]*outcome="taken"[^}]*\} [1-9]/);
  });
});
