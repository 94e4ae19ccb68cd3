import { describe, expect, test } from '@jest/globals';
import type { RateWindow } from '@meridian/contracts/key-issuance.ts';
import { durationText, rateHeaders } from './rate-headers.ts';

describe("OpenAI's form of a duration", () => {
  test.each([
    [0, '0ms'],
    [-5, '0ms'],
    [250, '250ms'],
    [1_000, '1s'],
    [12_001, '13s'],
    [60_000, '1m0s'],
    [360_000, '6m0s'],
    [86_399_500, '24h0m0s'],
    [3_661_000, '1h1m1s'],
  ])('%i ms is %s', (ms, text) => {
    expect(durationText(ms)).toBe(text);
  });
});

describe('headers of limits', () => {
  const now = new Date('2026-01-01T00:00:30Z');
  const window = (more: Partial<RateWindow>): RateWindow => ({
    scope: 'key',
    kind: 'requests_per_minute',
    limit: 100,
    remaining: 40,
    resetsAt: '2026-01-01T00:01:00.000Z',
    ...more,
  });

  test('tell of several windows the one that refuses first, requests and tokens apart', () => {
    const rates = [
      window({}),
      window({ scope: 'account_model', limit: 50, remaining: 3 }),
      window({ kind: 'tokens_per_minute', limit: 1_000, remaining: 900 }),
      window({ kind: 'tokens_per_day', limit: 2_000, remaining: 100, resetsAt: '2026-01-02T00:00:00.000Z' }),
    ];
    expect(rateHeaders(rates, now)).toEqual({
      'x-ratelimit-limit-requests': '50',
      'x-ratelimit-remaining-requests': '3',
      'x-ratelimit-reset-requests': '30s',
      'x-ratelimit-limit-tokens': '2000',
      'x-ratelimit-remaining-tokens': '100',
      'x-ratelimit-reset-tokens': '23h59m30s',
    });
  });

  test('are left out for what is not limited', () => {
    expect(rateHeaders([], now)).toEqual({});
    expect(Object.keys(rateHeaders([window({})], now))).toHaveLength(3);
  });
});
