import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createSession, sendCode } from '@meridian/contracts/identity.ts';
import { problemOf, type Stand, startStand, waitFor } from './support/stand.ts';

const minute = 60_000;
const wrong = (code: string) => String((Number(code) + 1) % 1_000_000).padStart(6, '0');

describe('codes', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await startStand({ region: 'cn' });
  }, 60_000);
  afterAll(() => stand?.stop());

  const send = (identifier = stand.identifiers.phone(), ip?: string, purpose: 'login' | 'reauthenticate' = 'login') =>
    stand.ask(sendCode, { body: { identifier, purpose }, ...(ip && { ip }) });
  const open = (identifier: ReturnType<Stand['identifiers']['phone']>, code: { codeId: string; code: string }) =>
    stand.ask(createSession, { body: { ...code, identifier, termsVersion: stand.termsVersion } });
  const rowsOf = async (codeId: string) =>
    (await stand.pool.query('select * from code where id = $1', [codeId])).rows[0];

  test('a number gets 1 a minute, 5 an hour and 10 a day, and is told how long to wait', async () => {
    const identifier = stand.identifiers.phone();
    let sent = 0;
    const tryOne = async () => {
      const refusal = await send(identifier).then(
        () => {
          sent += 1;
          return undefined;
        },
        (error: { code: string; status: number; retryAfter: number }) => error,
      );
      // Delivered before the clock moves: the provider refuses what was signed an hour ago.
      await waitFor('the message', async () => (await stand.messages(identifier.value)).length === sent);
      return refusal;
    };
    await tryOne();
    expect(await tryOne()).toMatchObject({ code: 'code_limit_reached', status: 429 });
    const soon = await tryOne();
    expect(soon?.retryAfter).toBeGreaterThan(50);
    expect(soon?.retryAfter).toBeLessThanOrEqual(61);
    for (let i = 0; i < 4; i += 1) {
      stand.moveClock(61_000);
      await tryOne();
    }
    expect(sent).toBe(5);
    stand.moveClock(61_000);
    const hourly = await tryOne();
    expect(hourly).toMatchObject({ code: 'code_limit_reached' });
    expect(hourly?.retryAfter).toBeGreaterThan(50 * 60);
    stand.moveClock(61 * minute);
    for (let i = 0; i < 5; i += 1) {
      await tryOne();
      stand.moveClock(61_000);
    }
    expect(sent).toBe(10);
    stand.moveClock(61 * minute);
    const daily = await tryOne();
    expect(daily?.retryAfter).toBeGreaterThan(20 * 3_600);
    expect(await stand.messages(identifier.value)).toHaveLength(10);
  });

  test('concurrent requests for one number send one message', async () => {
    const identifier = stand.identifiers.phone();
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => send(identifier)));
    expect(outcomes.filter((o) => o.status === 'fulfilled')).toHaveLength(1);
    await waitFor('the message', async () => (await stand.messages(identifier.value)).length > 0);
    expect(await stand.messages(identifier.value)).toHaveLength(1);
  });

  test('what is sent was counted before, and a code is never stored or told', async () => {
    const identifier = stand.identifiers.phone();
    const { body } = await send(identifier);
    expect(Object.keys(body).sort()).toEqual(['codeId', 'expiresAt', 'resendAfter']);
    const [message] = await waitFor('the message', async () => {
      const found = await stand.messages(identifier.value);
      return found.length > 0 && found;
    });
    expect(message?.code).toMatch(/^[0-9]{6}$/);
    expect(JSON.stringify(await rowsOf(body.codeId))).not.toContain(message?.code);
  });

  test('Kratos: 5-try limit also with the right code after it; better-auth: counter rises by exactly one per wrong code', async () => {
    const identifier = stand.identifiers.phone();
    const code = await stand.codeFor(identifier);
    for (let i = 1; i <= 5; i += 1) {
      expect(await problemOf(open(identifier, { ...code, code: wrong(code.code) }))).toMatchObject({
        code: 'code_invalid',
        status: 401,
      });
      expect((await rowsOf(code.codeId)).attempts).toBe(i);
    }
    expect(await problemOf(open(identifier, code))).toMatchObject({ code: 'code_invalid' });
  });

  test('concurrent wrong tries cannot exceed five', async () => {
    const identifier = stand.identifiers.phone();
    const code = await stand.codeFor(identifier);
    await Promise.allSettled(Array.from({ length: 12 }, () => open(identifier, { ...code, code: wrong(code.code) })));
    expect((await rowsOf(code.codeId)).attempts).toBe(5);
    expect(await problemOf(open(identifier, code))).toMatchObject({ code: 'code_invalid' });
  });

  test('Kratos: resend kills the first code', async () => {
    const identifier = stand.identifiers.phone();
    const first = await stand.codeFor(identifier);
    stand.moveClock(61_000);
    const second = await stand.codeFor(identifier);
    expect(await problemOf(open(identifier, first))).toMatchObject({ code: 'code_invalid' });
    expect((await open(identifier, second)).status).toBe(201);
  });

  test('a code expires after five minutes', async () => {
    const identifier = stand.identifiers.phone();
    const code = await stand.codeFor(identifier);
    stand.moveClock(5 * minute);
    expect(await problemOf(open(identifier, code))).toMatchObject({ code: 'code_invalid' });
  });

  test('Kratos: identifier cannot be swapped on submit, and doing so costs the owner no try', async () => {
    const [mine, yours] = [stand.identifiers.phone(), stand.identifiers.phone()];
    const code = await stand.codeFor(mine);
    expect(await problemOf(open(yours, code))).toMatchObject({ code: 'code_invalid' });
    expect((await rowsOf(code.codeId)).attempts).toBe(0);
    expect((await open(mine, code)).status).toBe(201);
  });

  test('a code for reauthentication signs nobody in', async () => {
    const identifier = stand.identifiers.phone();
    await stand.signIn(identifier);
    stand.moveClock(61_000);
    const code = await stand.codeFor(identifier, 'reauthenticate');
    expect(await problemOf(open(identifier, code))).toMatchObject({ code: 'code_invalid' });
  });

  test('ten wrong tries within an hour stop an identifier across its codes, for tries and for sending', async () => {
    const identifier = stand.identifiers.phone();
    for (let round = 0; round < 2; round += 1) {
      const code = await stand.codeFor(identifier);
      for (let i = 0; i < 5; i += 1) await problemOf(open(identifier, { ...code, code: wrong(code.code) }));
      stand.moveClock(61_000);
    }
    const refused = await problemOf(send(identifier));
    expect(refused).toMatchObject({ code: 'code_limit_reached' });
    expect(refused.retryAfter).toBeGreaterThan(50 * 60);
    stand.moveClock(61 * minute);
    const code = await stand.codeFor(identifier);
    expect((await open(identifier, code)).status).toBe(201);
  });

  test('right codes cost nothing of the failure budget', async () => {
    const identifier = stand.identifiers.phone();
    const code = await stand.codeFor(identifier);
    await open(identifier, code);
    const { rows } = await stand.pool.query(
      "select sum(count)::int as failures from limit_count where scope like 'fail:%' and count > 0 and slot > $1",
      [new Date(stand.now().getTime() - 5_000)],
    );
    expect(rows[0]?.failures).toBeNull();
  });

  test('known and unknown identifiers get the same answer; reauthentication is sent to known ones only', async () => {
    const known = stand.identifiers.phone();
    await stand.signIn(known);
    stand.moveClock(61_000);
    const unknown = stand.identifiers.phone();
    const before = (await stand.messages(known.value)).length;
    const [a, b] = await Promise.all([
      send(known, undefined, 'reauthenticate'),
      send(unknown, undefined, 'reauthenticate'),
    ]);
    expect(Object.keys(a.body)).toEqual(Object.keys(b.body));
    expect(a.status).toBe(b.status);
    await waitFor('the message', async () => (await stand.messages(known.value)).length === before + 1);
    expect(await stand.messages(unknown.value)).toHaveLength(0);
    for (const identifier of [known, unknown])
      expect(await problemOf(send(identifier, undefined, 'reauthenticate'))).toMatchObject({
        code: 'code_limit_reached',
      });
  });

  test('a provider that refuses or hangs changes nothing of the answer, and is logged without the number', async () => {
    await stand.control('sms', { answer: { code: 'isv.BUSINESS_LIMIT_CONTROL', times: 1 } });
    const identifier = stand.identifiers.phone();
    expect((await send(identifier)).status).toBe(202);
    const line = await waitFor('the log line', () =>
      stand.logged.find((l) => l.includes('isv.BUSINESS_LIMIT_CONTROL')),
    );
    expect(line).not.toContain(identifier.value.slice(3));
    await stand.control('sms', { slowMs: 4_000 });
    const late = stand.identifiers.phone();
    expect((await send(late)).status).toBe(202);
    // The provider still has it: the answer did not wait.
    expect(await stand.messages(late.value)).toEqual([]);
    await stand.control('sms', {});
    await waitFor('the message', async () => (await stand.messages(late.value)).length === 1);
  });
});

describe('limits of networks and of the region', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await startStand({
      region: 'global',
      env: {
        CODES_PER_ADDRESS_HOUR: '2',
        CODES_PER_NETWORK_HOUR: '3',
        CODES_PER_NETWORK_DAY: '4',
        CODES_PER_HOUR: '9',
        CODES_PER_DAY: '10',
      },
    });
  }, 60_000);
  afterAll(() => stand?.stop());

  test('an address has a budget of its own, and so has its network, whichever addresses of it ask; then the whole region breaks', async () => {
    const send = (ip: string) =>
      stand.ask(sendCode, { body: { identifier: stand.identifiers.email(), purpose: 'login' }, ip });
    const refused = async (ip: string) =>
      expect(await problemOf(send(ip))).toMatchObject({ code: 'code_limit_reached' });
    for (let n = 0; n < 2; n += 1) expect((await send('203.0.113.1')).status).toBe(202);
    await refused('203.0.113.1');
    expect((await send('203.0.113.2')).status).toBe(202);
    await refused('203.0.113.200');
    // A host is given a /64 at least and often a /48, and may use every address of it.
    for (const last of [1, 2]) expect((await send(`2001:db8:0:1::${last}`)).status).toBe(202);
    await refused('2001:db8:0:1:ffff::9');
    expect((await send('2001:db8:0:2::1')).status).toBe(202);
    await refused('2001:db8:0:3::1');
    const burst = await Promise.allSettled(Array.from({ length: 8 }, (_, i) => send(`198.51.${i}.1`)));
    expect(burst.filter((o) => o.status === 'fulfilled')).toHaveLength(3);
    stand.moveClock(62 * 60_000);
    expect((await send('203.0.113.1')).status).toBe(202);
    expect(await problemOf(send('192.0.2.1'))).toMatchObject({ code: 'code_limit_reached' });
  });
});
