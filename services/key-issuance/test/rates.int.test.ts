// Limits of calls and tokens: exact with two replicas under many calls at once, given back and corrected, begun anew by themselves.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { explainKeyRefusal, retryAfterOf } from '@meridian/client/key-refusal.ts';
import { createKey, reportKeyUsage, updateKey, verifyKey } from '@meridian/contracts/key-issuance.ts';
import { newId } from '@meridian/kit/ids.ts';
import pg from 'pg';
import { type Harness, startHarness } from './harness.ts';

// The middle of a minute, so that a slow run does not cross its end.
const base = Math.ceil(Date.now() / 86_400_000) * 86_400_000 + 30_000;
let shift = 0;
const now = () => new Date(base + shift);
const limited = { requestsPerMinute: 7, tokensPerMinute: 1_000, tokensPerDay: 2_000 };
const model = 'meridian-v2.5';

let one: Harness;
let two: Harness;
let admin: pg.Client;
const env = {
  MAX_KEYS_PER_ACCOUNT: '1000',
  ACCOUNT_MODEL_LIMITS: JSON.stringify({
    default: { requestsPerMinute: 50, tokensPerMinute: 100_000 },
    models: { 'meridian-v2.5-pro': {} },
  }),
};
beforeAll(async () => {
  one = await startHarness({ overrides: { now }, env });
  two = await startHarness({ databaseUrl: one.databaseUrl, overrides: { now }, env });
  admin = new pg.Client({ connectionString: one.databaseUrl });
  await admin.connect();
});
afterAll(async () => {
  await admin?.end();
  await two?.stop();
  await one?.stop();
});

type Limits = Partial<typeof limited>;
const newKey = async (limits: Limits = {}, accountId = one.newAccount()) => {
  const { body } = await one.asUser(accountId, createKey, {
    body: { name: 'k', product: 'payg', limits },
    idempotencyKey: newId('idem', 'cn', now()),
  });
  return { accountId, keyId: body.key.keyId, secret: body.secret };
};
const verify = async (
  service: Harness,
  key: string,
  more: { model?: string | null | undefined; tokensEstimate?: number } = {},
) => (await service.asService('gateway', verifyKey, { body: { key, product: 'payg', model: null, ...more } })).body;
type Verdict = Awaited<ReturnType<typeof verify>>;
const both = (n: number) => (n % 2 === 0 ? one : two);
const taken = (verdicts: Verdict[]) => verdicts.filter((verdict) => verdict.valid).length;
const reasons = (verdicts: Verdict[]) =>
  new Set(
    verdicts.flatMap((v) =>
      v.valid ? [] : [`${v.refusal.code} ${v.refusal.exceeded?.scope} ${v.refusal.exceeded?.kind}`],
    ),
  );
const report = (
  key: { accountId: string; keyId: string },
  verdict: Verdict,
  used: number,
  reserved: number,
  requestId: string,
) =>
  two.asService('gateway', reportKeyUsage, {
    body: {
      requestId,
      accountId: key.accountId,
      keyId: key.keyId,
      model,
      reservedAt: verdict.valid ? verdict.reservedAt! : '',
      tokensReserved: reserved,
      tokensUsed: used,
    },
  });

/** Deadlocks of this database so far. Connections tell theirs when they end, at the latest. */
const deadlocks = async () =>
  (await admin.query('select deadlocks::int as n from pg_stat_database where datname = current_database()')).rows[0].n;
const replica = () => startHarness({ databaseUrl: one.databaseUrl, overrides: { now }, env });

describe('limits under concurrency', () => {
  test('of 200 calls at once on two replicas exactly as many pass as the key allows', async () => {
    const key = await newKey({ requestsPerMinute: 70 });
    const verdicts = await Promise.all(Array.from({ length: 200 }, (_, i) => verify(both(i), key.secret)));
    expect(taken(verdicts)).toBe(70);
    expect(reasons(verdicts)).toEqual(new Set(['rate_limited key requests_per_minute']));
  });

  test('keys of one account share what the account may on a model, and not on another', async () => {
    const accountId = one.newAccount();
    const keys = [await newKey({}, accountId), await newKey({}, accountId), await newKey({}, accountId)];
    const call = (i: number, name: string) => verify(both(i), keys[i % 3]!.secret, { model: name });
    const verdicts = await Promise.all(Array.from({ length: 200 }, (_, i) => call(i, model)));
    expect(taken(verdicts)).toBe(50);
    expect(reasons(verdicts)).toEqual(new Set(['rate_limited account_model requests_per_minute']));
    expect(taken(await Promise.all(Array.from({ length: 60 }, (_, i) => call(i, 'meridian-v2.5-pro'))))).toBe(60);
    // Not telling the model opens nothing: such a call may be about any.
    const untold = await Promise.all(
      Array.from({ length: 60 }, (_, i) => verify(both(i), keys[i % 3]!.secret, { model: undefined })),
    );
    expect(taken(untold)).toBe(50);
    shift += 60_000;
    const invented = await Promise.all(Array.from({ length: 120 }, (_, i) => call(i, `made-up-${i}`)));
    expect(taken(invented)).toBe(50);
    expect((await admin.query("select from rate_window where subject like '%made-up%'")).rowCount).toBe(0);
  });

  test('tokens are reserved to the last one, and a call that does not fit takes nothing', async () => {
    const key = await newKey({ tokensPerMinute: 1_000 });
    const verdicts = await Promise.all(
      Array.from({ length: 200 }, (_, i) => verify(both(i), key.secret, { tokensEstimate: 30 })),
    );
    expect(taken(verdicts)).toBe(33);
    const small = await verify(one, key.secret, { tokensEstimate: 10 });
    expect(small).toMatchObject({ valid: true, rates: [{ kind: 'tokens_per_minute', limit: 1_000, remaining: 0 }] });
    expect(await verify(two, key.secret, { tokensEstimate: 0 })).toMatchObject({
      valid: false,
      refusal: { code: 'rate_limited', exceeded: { kind: 'tokens_per_minute', remaining: 0 } },
    });
  });

  test('many keys of many accounts at once, asked in opposite orders of two replicas: no call is lost, none is given twice', async () => {
    const accounts = [one.newAccount(), one.newAccount()];
    const keys = await Promise.all(
      Array.from({ length: 12 }, (_, i) => newKey({ requestsPerMinute: i + 1 }, accounts[i % 2])),
    );
    // Replicas of this test alone: what they noticed of deadlocks is counted for certain once they have ended.
    const replicas = await Promise.all([replica(), replica()]);
    const before = await deadlocks();
    const calls = Array.from({ length: 12 * 20 }, (_, i) => i);
    const verdicts = await Promise.all(
      calls.map(async (i) => {
        const nth = Math.floor(i / 12) % 2;
        const of = nth === 0 ? i % 12 : 11 - (i % 12);
        return [of, await verify(replicas[nth]!, keys[of]!.secret, { model })] as const;
      }),
    );
    await Promise.all(replicas.map((service) => service.stop()));
    const perKey = keys.map((_, k) => taken(verdicts.filter(([of]) => of === k).map(([, verdict]) => verdict)));
    // 1 + 3 + … + 11 and 2 + 4 + … + 12: both below what the account may on the model.
    expect(perKey).toEqual(keys.map((_, k) => k + 1));
    const { rows } = await admin.query('select sum(requests)::int as sum from rate_window where subject = any($1)', [
      accounts.map((id) => `a:${id}:${model}`),
    ]);
    expect(rows).toEqual([{ sum: 78 }]);
    expect(await deadlocks()).toBe(before);
  });

  test('a call that another reason refuses takes nothing', async () => {
    const key = await newKey({ requestsPerMinute: 1 });
    await one.asUser(key.accountId, updateKey, { params: { keyId: key.keyId }, body: { models: ['m'] } });
    for (let i = 0; i < 3; i += 1)
      expect(await verify(one, key.secret, { model })).toEqual({
        valid: false,
        refusal: { code: 'model_not_allowed' },
      });
    expect(await verify(one, key.secret, { model: 'm' })).toMatchObject({ valid: true });
  });
});

describe('windows', () => {
  test('a refusal names the window and when it begins anew, and then it does, by itself', async () => {
    const key = await newKey(limited);
    for (let i = 0; i < 7; i += 1) expect((await verify(both(i), key.secret)).valid).toBe(true);
    const refused = await verify(two, key.secret);
    const resetsAt = new Date(Math.ceil((base + shift) / 60_000) * 60_000).toISOString();
    expect(refused).toMatchObject({
      valid: false,
      refusal: {
        code: 'rate_limited',
        until: resetsAt,
        exceeded: { scope: 'key', kind: 'requests_per_minute', limit: 7, remaining: 0, resetsAt },
      },
      rates: [
        { kind: 'requests_per_minute', remaining: 0 },
        { kind: 'tokens_per_minute', remaining: 1_000 },
        { kind: 'tokens_per_day', remaining: 2_000 },
      ],
    });
    shift += 60_000;
    expect(await verify(one, key.secret)).toMatchObject({ valid: true, rates: [{ remaining: 6 }, {}, {}] });
  });

  test('the day outlasts the minute', async () => {
    const key = await newKey(limited);
    for (let i = 0; i < 2; i += 1) {
      expect(await verify(one, key.secret, { tokensEstimate: 1_000 })).toMatchObject({ valid: true });
      shift += 60_000;
    }
    const refused = await verify(one, key.secret, { tokensEstimate: 1 });
    const resetsAt = new Date(Math.ceil((base + shift) / 86_400_000) * 86_400_000).toISOString();
    expect(refused).toMatchObject({ valid: false, refusal: { exceeded: { kind: 'tokens_per_day', resetsAt } } });
    shift += 86_400_000;
    expect(await verify(one, key.secret, { tokensEstimate: 1 })).toMatchObject({ valid: true });
  });

  test('a replica whose clock is behind counts in the present window, not in an old one', async () => {
    const key = await newKey({ requestsPerMinute: 2 });
    await verify(one, key.secret);
    shift -= 60_000;
    expect((await verify(two, key.secret)).valid).toBe(true);
    shift += 60_000;
    expect((await verify(one, key.secret)).valid).toBe(false);
  });

  test('a call larger than a whole limit is told so, with nothing to wait for; a smaller one passes', async () => {
    const key = await newKey({ tokensPerMinute: 1_000, tokensPerDay: 1_500 });
    const refused = await verify(one, key.secret, { tokensEstimate: 1_001 });
    const exceeded = { scope: 'key', kind: 'tokens_per_minute', limit: 1_000, remaining: 1_000, needed: 1_001 };
    expect(refused).toMatchObject({ valid: false, refusal: { code: 'rate_limited', exceeded } });
    if (refused.valid) throw new Error('it passed');
    expect(refused.refusal.until).toBeUndefined();
    expect(retryAfterOf(refused.refusal, now())).toBeUndefined();
    expect(explainKeyRefusal(refused.refusal)).toMatch(
      /1001 tokens.*limit of 1000 tokens per minute.*Waiting does not/,
    );
    // The minute would take it after a while, the day never will.
    await one.asUser(key.accountId, updateKey, {
      params: { keyId: key.keyId },
      body: { limits: { tokensPerMinute: 5_000, tokensPerDay: 1_500 } },
    });
    expect(await verify(two, key.secret, { tokensEstimate: 1_501 })).toMatchObject({
      refusal: { exceeded: { kind: 'tokens_per_day', needed: 1_501 } },
    });
    expect(await verify(one, key.secret, { tokensEstimate: 1_500 })).toMatchObject({ valid: true });
  });

  test('lowering a limit counts at once', async () => {
    const key = await newKey({ requestsPerMinute: 100 });
    for (let i = 0; i < 3; i += 1) await verify(one, key.secret);
    await one.asUser(key.accountId, updateKey, {
      params: { keyId: key.keyId },
      body: { limits: { requestsPerMinute: 3 } },
    });
    expect((await verify(two, key.secret)).valid).toBe(false);
  });

  test('counters are not written ahead: what a crash of the database leaves is an empty table, and windows begin anew', async () => {
    const { rows } = await admin.query("select relpersistence from pg_class where relname = 'rate_window'");
    expect(rows).toEqual([{ relpersistence: 'u' }]);
    const key = await newKey({ requestsPerMinute: 1 });
    expect((await verify(one, key.secret)).valid).toBe(true);
    expect((await verify(one, key.secret)).valid).toBe(false);
    // What PostgreSQL does to unlogged tables when it recovers.
    await admin.query('truncate rate_window');
    expect((await verify(one, key.secret)).valid).toBe(true);
    expect((await verify(one, key.secret)).valid).toBe(false);
  });
});

describe('corrections', () => {
  test('give back what was reserved too much, once per request, for key and account alike', async () => {
    const key = await newKey(limited);
    const verdict = await verify(one, key.secret, { model, tokensEstimate: 900 });
    const request = newId('req', 'cn', now());
    for (let i = 0; i < 3; i += 1) await report(key, verdict, 100, 900, request);
    expect(await verify(one, key.secret, { model })).toMatchObject({
      rates: [
        { scope: 'key', kind: 'requests_per_minute', remaining: 5 },
        { scope: 'key', kind: 'tokens_per_minute', remaining: 900 },
        { scope: 'key', kind: 'tokens_per_day', remaining: 1_900 },
        { scope: 'account_model', kind: 'requests_per_minute', remaining: 48 },
        { scope: 'account_model', kind: 'tokens_per_minute', remaining: 99_900 },
      ],
    });
  });

  test('take what was used beyond the estimate; an overdrawn window has nothing left', async () => {
    const key = await newKey(limited);
    const verdict = await verify(one, key.secret, { tokensEstimate: 10 });
    await report(key, verdict, 1_500, 10, newId('req', 'cn', now()));
    expect(await verify(one, key.secret, { tokensEstimate: 1 })).toMatchObject({
      valid: false,
      refusal: { exceeded: { kind: 'tokens_per_minute', remaining: 0 } },
    });
    shift += 60_000;
    expect(await verify(one, key.secret, { tokensEstimate: 1 })).toMatchObject({
      valid: true,
      rates: [{}, { remaining: 999 }, { remaining: 499 }],
    });
  });

  test('of a minute that is over change the day alone', async () => {
    const key = await newKey(limited);
    const verdict = await verify(one, key.secret, { tokensEstimate: 900 });
    shift += 60_000;
    await verify(one, key.secret, { tokensEstimate: 500 });
    await report(key, verdict, 0, 900, newId('req', 'cn', now()));
    expect(await verify(one, key.secret)).toMatchObject({ rates: [{}, { remaining: 500 }, { remaining: 1_500 }] });
  });

  test('hit the minute that the call was counted in, whatever the clock of the replica that counted it', async () => {
    const accountId = one.newAccount();
    const [key, other, later] = [
      await newKey(limited, accountId),
      await newKey(limited, accountId),
      await newKey(limited),
    ];
    const ahead = await startHarness({
      databaseUrl: one.databaseUrl,
      overrides: { now: () => new Date(now().getTime() + 60_000) },
      env,
    });
    const remaining = async (of: typeof key, tokens = 0) => {
      const verdict = await verify(ahead, of.secret, { model, tokensEstimate: tokens });
      return (verdict.rates ?? []).filter(({ kind }) => kind.startsWith('tokens')).map((window) => window.remaining);
    };
    try {
      // The account's counter is in the next minute already, the key's is not; then both are.
      await verify(ahead, other.secret, { model });
      const verdict = await verify(one, key.secret, { model, tokensEstimate: 900 });
      expect(verdict).toMatchObject({ reservedAt: new Date(base + shift + 30_000).toISOString() });
      await report(key, verdict, 100, 900, newId('req', 'cn', now()));
      expect(await remaining(key)).toEqual([900, 1_900, 99_900]);
      // And across midnight.
      shift = Math.ceil((shift + 1) / 86_400_000) * 86_400_000 - 60_000;
      await verify(ahead, later.secret, { model });
      const second = await verify(one, later.secret, { model, tokensEstimate: 700 });
      await report(later, second, 0, 700, newId('req', 'cn', now()));
      expect(await remaining(later)).toEqual([1_000, 2_000, 100_000]);
    } finally {
      await ahead.stop();
    }
  });

  test('beside calls at once neither lose nor double anything', async () => {
    const key = await newKey({ tokensPerDay: 1_000_000 });
    const calls = Array.from({ length: 100 }, (_, i) => i);
    await Promise.all(
      calls.map(async (i) => {
        const verdict = await verify(both(i), key.secret, { model: 'meridian-v2.5-pro', tokensEstimate: 100 });
        const id = newId('req', 'cn', now());
        await Promise.all([report(key, verdict, i, 100, id), report(key, verdict, i, 100, id)]);
      }),
    );
    const { rows } = await admin.query('select day_tokens::int as tokens from rate_window where subject = $1', [
      `k:${key.keyId}`,
    ]);
    expect(rows).toEqual([{ tokens: (99 * 100) / 2 }]);
  });
});
