// What keys may not do and how much of it is left, as an unmodified client sees it.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { KeyRefusal, RateWindow } from '@meridian/contracts/key-issuance.ts';
import OpenAI from 'openai';
import { type Harness, model, startHarness, waitFor } from './harness.ts';

let door: Harness;
beforeAll(async () => {
  door = await startHarness();
});
afterEach(() => door.reset());
afterAll(() => door?.stop());

const messages = [{ role: 'user' as const, content: 'say: hi there' }];
const ask = (more: object = {}) => door.client().chat.completions.create({ model, messages, ...more });
const refusedAs = async (refusal: KeyRefusal, rates?: RateWindow[]) => {
  door.neighbours.refusals.set(door.key, refusal);
  door.neighbours.rates = rates;
  const error = await ask().catch((caught: unknown) => caught);
  if (!(error instanceof OpenAI.APIError)) throw error;
  return error;
};
const windowOf = (more: Partial<RateWindow>): RateWindow => ({
  scope: 'key',
  kind: 'requests_per_minute',
  limit: 100,
  remaining: 99,
  resetsAt: new Date(Date.now() + 30_000).toISOString(),
  ...more,
});

describe('refusals', () => {
  test.each<[KeyRefusal['code'], number, string]>([
    ['key_expired', 401, 'authentication_error'],
    ['account_frozen', 403, 'permission_error'],
    ['ip_not_allowed', 403, 'permission_error'],
    ['model_not_allowed', 403, 'permission_error'],
    ['endpoint_not_allowed', 403, 'permission_error'],
    ['plan_inactive', 402, 'insufficient_quota'],
  ])('%s is %i %s, and nothing is held', async (code, status, type) => {
    expect(await refusedAs({ code })).toMatchObject({ status, code, type });
    expect(door.neighbours.holds.size).toBe(0);
  });

  test('rate_limited is 429 with Retry-After and the limits', async () => {
    const exceeded = windowOf({ scope: 'account_model', kind: 'tokens_per_minute', limit: 5_000, remaining: 12 });
    const rates = [windowOf({ remaining: 7 }), exceeded];
    const error = await refusedAs({ code: 'rate_limited', until: exceeded.resetsAt, exceeded }, rates);
    expect(error).toMatchObject({ status: 429, code: 'rate_limited', type: 'rate_limit_error' });
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(error.message).toContain('5000 tokens per minute of the account and this model');
    const seconds = Number(error.headers?.get('retry-after'));
    expect(seconds).toBeGreaterThanOrEqual(25);
    expect(seconds).toBeLessThanOrEqual(30);
    expect(error.headers?.get('x-ratelimit-limit-requests')).toBe('100');
    expect(error.headers?.get('x-ratelimit-remaining-requests')).toBe('7');
    expect(error.headers?.get('x-ratelimit-remaining-tokens')).toBe('12');
    expect(error.headers?.get('x-ratelimit-reset-tokens')).toMatch(/^(2[0-9]|30)s$/);
  });
});

describe('limits', () => {
  test('a good answer tells the tightest of them, plain and streamed', async () => {
    door.neighbours.rates = [
      windowOf({ limit: 100, remaining: 40 }),
      windowOf({ scope: 'account_model', limit: 50, remaining: 3 }),
      windowOf({ kind: 'tokens_per_minute', limit: 1_000, remaining: 900 }),
      windowOf({ kind: 'tokens_per_day', limit: 2_000, remaining: 100 }),
    ];
    for (const stream of [false, true]) {
      const answer = await door.client().chat.completions.create({ model, messages, stream }).asResponse();
      await answer.text();
      expect(answer.headers.get('x-ratelimit-limit-requests')).toBe('50');
      expect(answer.headers.get('x-ratelimit-remaining-requests')).toBe('3');
      expect(answer.headers.get('x-ratelimit-limit-tokens')).toBe('2000');
      expect(answer.headers.get('x-ratelimit-remaining-tokens')).toBe('100');
    }
  });

  test('verification hears of model, endpoint, address and estimate; afterwards of the tokens really used, once', async () => {
    door.neighbours.rates = [windowOf({})];
    const answer = await ask({ max_tokens: 500 });
    const [question] = door.neighbours.verified;
    expect(question).toMatchObject({ model, endpoint: 'chat/completions', ip: '127.0.0.1' });
    expect(question?.tokensEstimate).toBeGreaterThan(500);
    await waitFor(() => door.neighbours.reported.length > 0);
    expect(door.neighbours.reported).toEqual([
      {
        requestId: expect.stringMatching(/^req_/),
        ...door.neighbours.owner,
        model,
        reservedAt: expect.any(String),
        tokensReserved: question?.tokensEstimate,
        tokensUsed: answer.usage?.total_tokens,
      },
    ]);
  });

  test('a stream reports what it used, and a call that fails gives everything back', async () => {
    door.neighbours.rates = [windowOf({})];
    const stream = await door.client().chat.completions.create({
      model,
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    let used: number | undefined;
    for await (const chunk of stream) used = chunk.usage?.total_tokens ?? used;
    await waitFor(() => door.neighbours.reported.length > 0);
    expect(door.neighbours.reported.map((report) => report.tokensUsed)).toEqual([used]);

    door.neighbours.reported = [];
    door.neighbours.refuseHold = true;
    await expect(ask()).rejects.toMatchObject({ status: 402 });
    await waitFor(() => door.neighbours.reported.length > 0);
    expect(door.neighbours.reported.map((report) => report.tokensUsed)).toEqual([0]);
  });

  test('without limits nothing is reported and no header is there', async () => {
    const answer = await door.client().chat.completions.create({ model, messages }).asResponse();
    await answer.text();
    expect([...answer.headers.keys()].filter((name) => name.startsWith('x-ratelimit'))).toEqual([]);
    await waitFor(() => door.onlyHold().settled.length === 1);
    expect(door.neighbours.reported).toEqual([]);
  });

  test('the list of models is a call about no model', async () => {
    await door.client().models.list();
    expect(door.neighbours.verified).toMatchObject([{ model: null, endpoint: 'models' }]);
  });
});
