// Decisions about holds: what is charged when a call ends, and what of it becomes arrears.
import type { UsageFigures } from '@meridian/contracts/billing.ts';

/** A hold that is not extended or settled is closed by then. */
export const holdMilliseconds = 10 * 60_000;

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** What was booked for a call so far. `arrears`: the part of `charged` that nothing covered when it was booked. */
export type Booked = { readonly charged: bigint; readonly writtenOff: bigint; readonly arrears: bigint };

export const nothingBooked: Booked = { charged: 0n, writtenOff: 0n, arrears: 0n };

export type Ending = {
  /** What the call cost in all. */
  readonly cost: bigint;
  /** At the expiry of its hold; nothing yet for a call that ends in time. */
  readonly before: Booked;
  /** What the call still has reserved; 0 after the hold expired. */
  readonly held: bigint;
  /** What the account has besides its holds; below zero: arrears. */
  readonly available: bigint;
  /** The bound for one output window of the call. */
  readonly window: bigint;
  /** A cancelled account pays from the hold only. */
  readonly cancelled: boolean;
};

/**
 * What is to be booked now. An ending may leave arrears of at most one output window per call, however often it is booked: the gateway
 * learns of the end of the money only when it asks for the next one. What lies above is our loss and is written off.
 * Before and now, `charged + writtenOff = cost`, and `arrears` are between 0 and `charged`.
 */
export const endingOf = ({ cost, before, held, available, window, cancelled }: Ending): Booked => {
  const due = cost - before.charged - before.writtenOff;
  if (due < 0n) {
    // Too much was reported: what we wrote off comes back before the user's money, as if the right figures had come first.
    const writtenOff = larger(due, -before.writtenOff);
    const charged = due - writtenOff;
    // And of the user's money first what nothing covered.
    return { charged, writtenOff, arrears: -smaller(before.arrears, -charged) };
  }
  const covered = held + (cancelled ? 0n : larger(available, 0n));
  const charged = smaller(due, cancelled ? covered : covered + larger(window - before.arrears, 0n));
  return { charged, writtenOff: due - charged, arrears: larger(charged - covered, 0n) };
};

export const sameUsage = (a: UsageFigures, b: UsageFigures): boolean =>
  a.promptTokens === b.promptTokens && a.cachedTokens === b.cachedTokens && a.completionTokens === b.completionTokens;

/** Reports are cumulative and may arrive in any order: the one further along counts. */
export const furtherReport = (known: UsageFigures | undefined, reported: UsageFigures): UsageFigures =>
  known !== undefined && known.completionTokens > reported.completionTokens ? known : reported;
