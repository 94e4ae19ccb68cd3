// What a call costs: integers only, rounded once per request.
import type { UsageFigures } from '@meridian/contracts/billing.ts';

/** Nano-units per million tokens. */
export type Rates = {
  readonly promptPerMillion: bigint;
  readonly cachedPerMillion: bigint;
  readonly completionPerMillion: bigint;
};
export type Price = Rates & { readonly model: string; readonly version: number };

const million = 1_000_000n;

/** n / d to the nearest whole number, a tie to the even one (IEEE 754 roundTiesToEven). n >= 0, d > 0. */
export const divideHalfEven = (n: bigint, d: bigint): bigint => {
  const quotient = n / d;
  const twice = (n % d) * 2n;
  if (twice > d || (twice === d && quotient % 2n === 1n)) return quotient + 1n;
  return quotient;
};

/** Math.max takes no bigint. */
export const larger = (a: bigint, b: bigint): bigint => {
  if (a > b) return a;
  return b;
};

const divideUp = (n: bigint, d: bigint): bigint => (n + d - 1n) / d;

/** Nano-units for what was used. `cachedTokens` are part of `promptTokens` and have a rate of their own. */
export const costOf = (rates: Rates, usage: UsageFigures): bigint =>
  divideHalfEven(
    BigInt(usage.promptTokens - usage.cachedTokens) * rates.promptPerMillion +
      BigInt(usage.cachedTokens) * rates.cachedPerMillion +
      BigInt(usage.completionTokens) * rates.completionPerMillion,
    million,
  );

/** The most that so many tokens can cost, however many of the prompt come from the cache; rounded up. */
export const boundOf = (rates: Rates, promptTokens: number, completionTokens: number): bigint => {
  const dearer = larger(rates.promptPerMillion, rates.cachedPerMillion);
  return divideUp(BigInt(promptTokens) * dearer + BigInt(completionTokens) * rates.completionPerMillion, million);
};

export const sameRates = (a: Rates, b: Rates): boolean =>
  a.promptPerMillion === b.promptPerMillion &&
  a.cachedPerMillion === b.cachedPerMillion &&
  a.completionPerMillion === b.completionPerMillion;
