// A balance is what we owe a user: the sum of the postings on user_cash, split into what is free and what running calls have reserved.

export type Balance = { readonly available: bigint; readonly held: bigint };

export type Crossing = 'exhausted' | 'restored';

/**
 * A crossing is of the whole balance (available + held) at zero. Reserving and releasing move money between the two parts and are no
 * crossing; only a posting can be one. So each crossing is seen by exactly one posting.
 */
export const crossingOf = (before: bigint, after: bigint): Crossing | undefined => {
  if (before > 0n && after <= 0n) return 'exhausted';
  if (before <= 0n && after > 0n) return 'restored';
  return undefined;
};
