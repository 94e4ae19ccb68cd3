// Decisions about holds: what is charged when a call ends, and what of it becomes arrears.
import type { UsageFigures } from '@meridian/contracts/billing.ts';

/** A hold that is not extended or settled is closed by then. */
export const holdMilliseconds = 10 * 60_000;

export type Ending = {
  /** What the call cost, less what was charged for it before. Below zero: too much was charged. */
  readonly cost: bigint;
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
 * An ending may leave arrears of at most one output window: the gateway learns of the end of the money only when it asks for the next one.
 * What lies above is our loss and is written off. `charged + writtenOff = cost`.
 */
export const endingOf = ({ cost, held, available, window, cancelled }: Ending) => {
  const covered = held + (available > 0n ? available : 0n);
  const most = cancelled ? held : covered + window;
  const charged = cost < most ? cost : most;
  return { charged, writtenOff: cost - charged };
};

export const sameUsage = (a: UsageFigures, b: UsageFigures): boolean =>
  a.promptTokens === b.promptTokens && a.cachedTokens === b.cachedTokens && a.completionTokens === b.completionTokens;

/** Reports are cumulative and may arrive in any order: the one further along counts. */
export const furtherReport = (known: UsageFigures | undefined, reported: UsageFigures): UsageFigures =>
  known !== undefined && known.completionTokens > reported.completionTokens ? known : reported;
