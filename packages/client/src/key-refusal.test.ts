import { describe, expect, test } from '@jest/globals';
import { type KeyRefusal, keyRefusal, type RateWindow, refusalProblems } from '@meridian/contracts/key-issuance.ts';
import { explainKeyRefusal, retryAfterOf } from './key-refusal.ts';

const exceeded: RateWindow = {
  scope: 'account_model',
  kind: 'tokens_per_minute',
  limit: 5_000,
  remaining: 12,
  resetsAt: '2026-01-01T00:01:00.000Z',
};
const codes = keyRefusal.shape.code.options;

describe('a refusal in words', () => {
  test('every code has a sentence of its own and a status that says whether waiting, paying or another key helps', () => {
    const sentences = codes.map((code) => explainKeyRefusal({ code }));
    expect(new Set(sentences).size).toBe(codes.length);
    expect(sentences.every((text) => text.length > 20)).toBe(true);
    expect(codes.map((code) => refusalProblems[code].status).every((s) => [401, 402, 403, 429].includes(s))).toBe(true);
  });

  test.each<[KeyRefusal, string[]]>([
    [
      { code: 'key_region_mismatch', region: 'cn', baseUrl: 'https://model.cn.example/v1' },
      ['region cn', 'Use the Base URL https://model.cn.example/v1'],
    ],
    [
      { code: 'key_product_mismatch', region: 'cn', baseUrl: 'https://plan.cn.example/v1' },
      ['another product', 'Use the Base URL https://plan.cn.example/v1'],
    ],
    [
      {
        code: 'account_protected',
        caseId: 'cas_cn_01ARZ3NDEKTSV4RRFFQ69G5FAV',
        until: '2026-01-02T00:00:00.000Z',
        appealUrl: 'https://console.example/appeal',
      },
      ['2026-01-02T00:00:00.000Z', 'cas_cn_01ARZ3NDEKTSV4RRFFQ69G5FAV', 'https://console.example/appeal'],
    ],
    [{ code: 'rate_limited', exceeded }, ['5000 tokens per minute', 'the account and this model', '12 left']],
    [{ code: 'rate_limited', exceeded: { ...exceeded, scope: 'key' } }, ['of this API key']],
  ])('$code tells what its holder needs to go on', (refusal, parts) => {
    for (const part of parts) expect(explainKeyRefusal(refusal)).toContain(part);
  });

  test('a product that the region does not sell has no Base URL to be sent to', () => {
    expect(explainKeyRefusal({ code: 'key_product_mismatch', region: 'cn' })).not.toContain('Base URL');
  });
});

describe('seconds until asking again makes sense', () => {
  const now = new Date('2026-01-01T00:00:30.500Z');
  test('are those until the window begins anew, whole and at least one', () => {
    expect(retryAfterOf({ code: 'rate_limited', exceeded }, now)).toBe(30);
    expect(retryAfterOf({ code: 'rate_limited', exceeded }, new Date('2026-01-01T00:02:00Z'))).toBe(1);
  });
  test('are not told where waiting does not help', () => {
    expect(retryAfterOf({ code: 'balance_exhausted' }, now)).toBeUndefined();
  });
});
