// A session is a family of refresh tokens: one is current, its parent is remembered for a moment.

export const idleMs = 30 * 24 * 3_600_000;
export const absoluteMs = 90 * 24 * 3_600_000;
/** A client that lost the answer may repeat its request for this long and gets the same successor. */
export const graceMs = 20_000;

/** An account is signed in at this many places at most; one more ends the oldest. */
export const maxSessions = 50;
/** A proof of the person counts for this long towards changes of credentials. */
export const proofMs = 5 * 60_000;

export const idleUntil = (now: Date, expiresAt: Date): Date =>
  new Date(Math.min(now.getTime() + idleMs, expiresAt.getTime()));

export type Family = {
  readonly tokenHash: string;
  readonly parentHash: string | null;
  readonly rotatedAt: Date | null;
  readonly idleUntil: Date;
  readonly expiresAt: Date;
  readonly endedAt: Date | null;
  readonly delivery: 'body' | 'cookie';
};

/** What a genuine token of the family means: use it, repeat the last answer, treat it as stolen, or the session is over anyway. */
export type Verdict = 'rotate' | 'repeat' | 'reuse' | 'over';

export const judgeToken = (family: Family, presentedHash: string, now: Date): Verdict => {
  if (family.endedAt !== null || family.idleUntil <= now || family.expiresAt <= now) return 'over';
  if (presentedHash === family.tokenHash) return 'rotate';
  const inGrace = family.rotatedAt !== null && now.getTime() - family.rotatedAt.getTime() <= graceMs;
  return presentedHash === family.parentHash && inGrace ? 'repeat' : 'reuse';
};
