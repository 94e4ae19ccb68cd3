import { describe, expect, test } from '@jest/globals';
import type { RateLimits } from '@meridian/contracts/key-issuance.ts';
import { subjectsOf, tooSmallFor, windowsOf } from './rate.ts';

const none: RateLimits = { requestsPerMinute: null, tokensPerMinute: null, tokensPerDay: null };
const some: RateLimits = { ...none, requestsPerMinute: 10 };
const more: RateLimits = { ...none, tokensPerDay: 5 };
const key = { keyId: 'key_cn_1', accountId: 'acc_cn_1', limits: some };
const limits = {
  of: new Map([
    ['m', more],
    ['free', none],
  ]),
  others: some,
};

describe('whose counters a call takes from', () => {
  test('those of its key and of account and model, as far as they have limits', () => {
    const ids = (model: string | null | undefined, of = key) => subjectsOf(of, model, limits).map(({ id }) => id);
    expect(ids('m')).toEqual(['k:key_cn_1', 'a:acc_cn_1:m']);
    expect(ids('free')).toEqual(['k:key_cn_1']);
    expect(ids(null)).toEqual(['k:key_cn_1']);
    expect(ids(undefined)).toEqual(['k:key_cn_1', 'a:acc_cn_1:']);
    expect(ids('m', { ...key, limits: none })).toEqual(['a:acc_cn_1:m']);
    expect(ids('free', { ...key, limits: none })).toEqual([]);
  });

  test('names that nobody sells, and a model that is not told, share one', () => {
    const [x, y, untold] = ['x', 'y', undefined].map((model) => subjectsOf({ ...key, limits: none }, model, limits));
    expect(x).toEqual(y);
    expect(untold).toEqual(x);
    expect(x).toMatchObject([{ id: 'a:acc_cn_1:', scope: 'account_model', limits: some }]);
  });
});

test('windows tell what is left and when they begin anew, in UTC', () => {
  const counts = { minute: 29_000_000, requests: 4, tokens: 11, day: 20_138, dayTokens: 9 };
  const subject = {
    id: 'k:x',
    scope: 'key' as const,
    limits: { requestsPerMinute: 10, tokensPerMinute: null, tokensPerDay: 5 },
  };
  expect(windowsOf(subject, counts)).toEqual([
    { scope: 'key', kind: 'requests_per_minute', limit: 10, remaining: 6, resetsAt: '2025-02-19T21:21:00.000Z' },
    { scope: 'key', kind: 'tokens_per_day', limit: 5, remaining: 0, resetsAt: '2025-02-20T00:00:00.000Z' },
  ]);
});

test('a call fits some time unless a whole window of tokens is smaller than it', () => {
  const counts = { minute: 0, requests: 9, tokens: 100, day: 0, dayTokens: 100 };
  const windows = windowsOf(
    { id: 'k:x', scope: 'key', limits: { requestsPerMinute: 1, tokensPerMinute: 100, tokensPerDay: 150 } },
    counts,
  );
  expect(tooSmallFor(windows, 100)).toBeUndefined();
  expect(tooSmallFor(windows, 101)).toMatchObject({ kind: 'tokens_per_minute' });
  expect(tooSmallFor(windows.slice(2), 151)).toMatchObject({ kind: 'tokens_per_day' });
  expect(tooSmallFor(windows.slice(0, 1), 1_000)).toBeUndefined();
});
