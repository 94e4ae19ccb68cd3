import { describe, expect, test } from '@jest/globals';
import { boundOf, costOf, divideHalfEven } from './price.ts';

describe('divideHalfEven', () => {
  test.each([
    [0n, 10n, 0n],
    [4n, 10n, 0n],
    [5n, 10n, 0n],
    [6n, 10n, 1n],
    [14n, 10n, 1n],
    [15n, 10n, 2n],
    [16n, 10n, 2n],
    [25n, 10n, 2n],
    [35n, 10n, 4n],
    [1n, 3n, 0n],
    [2n, 3n, 1n],
    [9_007_199_254_740_993_500_000n, 1_000_000n, 9_007_199_254_740_994n],
    [9_007_199_254_740_992_500_000n, 1_000_000n, 9_007_199_254_740_992n],
  ])('%s / %s is %s', (n, d, expected) => {
    expect(divideHalfEven(n, d)).toBe(expected);
  });
});

const rates = { promptPerMillion: 140_000_000n, cachedPerMillion: 2_800_000n, completionPerMillion: 280_000_000n };

describe('costOf', () => {
  test('charges cached tokens of the prompt by their own rate', () => {
    expect(costOf(rates, { promptTokens: 1_000_000, cachedTokens: 400_000, completionTokens: 0 })).toBe(85_120_000n);
  });
  test('rounds once for the whole request, not once per kind of token', () => {
    const thirds = { promptPerMillion: 400_000n, cachedPerMillion: 400_000n, completionPerMillion: 400_000n };
    // 0.4 + 0.4 + 0.4 nano-units: rounding each would charge nothing.
    expect(costOf(thirds, { promptTokens: 2, cachedTokens: 1, completionTokens: 1 })).toBe(1n);
  });
  test('a tie goes to the even number', () => {
    const half = { promptPerMillion: 500_000n, cachedPerMillion: 0n, completionPerMillion: 0n };
    expect(costOf(half, { promptTokens: 1, cachedTokens: 0, completionTokens: 0 })).toBe(0n);
    expect(costOf(half, { promptTokens: 3, cachedTokens: 0, completionTokens: 0 })).toBe(2n);
  });
});

describe('boundOf', () => {
  test('is never below the cost of as many tokens', () => {
    const odd = { promptPerMillion: 333_333n, cachedPerMillion: 7n, completionPerMillion: 999_999n };
    for (let n = 0; n < 50; n += 1)
      for (const cachedTokens of [0, n])
        expect(boundOf(odd, n, n + 1)).toBeGreaterThanOrEqual(
          costOf(odd, { promptTokens: n, cachedTokens, completionTokens: n + 1 }),
        );
  });
  test('rounds up', () => {
    expect(boundOf({ promptPerMillion: 1n, cachedPerMillion: 0n, completionPerMillion: 0n }, 1, 0)).toBe(1n);
  });
});
