// A sign-in by an account elsewhere, from leaving to coming back: its purposes, its lives, and what is told when it fails.

/** `link` and `prove` belong to one session of one account. */
export type LoginPurpose = 'sign_in' | 'link' | 'prove';
/** First the code in the address of the front end, then, where phones are bound, the wait for the phone. */
export type PendingStage = 'completion' | 'binding';

export const flowMs = 10 * 60_000;
export const completionMs = 5 * 60_000;
/** Long enough for a message that is slow, far below the day after which nothing unverified may be left. */
export const bindingMs = 30 * 60_000;
/** An offered address that nobody took over owns nothing and goes. */
export const offerMs = 24 * 3_600_000;
/** The owner has this long to find another way in, when the provider ended the only one. */
export const graceMs = 14 * 24 * 3_600_000;
export const maxLogins = 20;

/** What the front end is told; `help` beside it leads to the region's help centre. */
export type LoginFailure = 'login_denied' | 'login_unavailable' | 'login_failed' | 'login_flow_invalid';

/** By the codes of the provider clients (providers/login-provider.ts). */
export const failureOf = (code: string | undefined): Exclude<LoginFailure, 'login_flow_invalid'> => {
  if (code === 'denied_by_user') return 'login_denied';
  return code === 'provider_unavailable' ? 'login_unavailable' : 'login_failed';
};

/** The address of the front end with the outcome, which is neither a token nor about a person. */
export const returnAddress = (returnTo: string, outcome: Readonly<Record<string, string>>): string => {
  const url = new URL(returnTo);
  for (const [name, value] of Object.entries(outcome)) url.searchParams.set(name, value);
  return url.href;
};

/** Minutes between attempts to end a token at its provider; undefined: given up after about two days. */
export const revocationBackOffMs = (attempts: number): number | undefined => {
  const minutes = [1, 5, 30, 120, 480, 1_440][attempts - 1];
  return minutes === undefined ? undefined : minutes * 60_000;
};

/**
 * Whether the person allowed us anew after the provider said that they had taken it back: the message is then about the past.
 * Providers tell whole seconds.
 */
export const isOutdated = (saidAt: Date, lastUsedAt: Date): boolean => saidAt.getTime() + 1_000 <= lastUsedAt.getTime();
