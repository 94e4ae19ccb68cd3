// Limits of calls and tokens: whose counters a call takes from, and what they say. Pure.
import type { RateLimits, RateWindow } from '@meridian/contracts/key-issuance.ts';

/** Whose counters: of one key, or of one account and model. */
export type RateSubject = {
  readonly id: string;
  readonly scope: RateWindow['scope'];
  readonly limits: RateLimits;
};

/**
 * Limits of each account on a model. Names the region does not sell share one subject, so that made-up names make no rows. So does a model
 * that the door does not tell: it may be any.
 */
export type AccountModelLimits = {
  readonly of: ReadonlyMap<string, RateLimits>;
  readonly others: RateLimits;
};

const isLimited = ({ requestsPerMinute, tokensPerMinute, tokensPerDay }: RateLimits) =>
  requestsPerMinute !== null || tokensPerMinute !== null || tokensPerDay !== null;

export const keySubject = (keyId: string) => `k:${keyId}`;
export const accountModelSubject = (accountId: string, model: string | undefined, limits: AccountModelLimits) =>
  `a:${accountId}:${limits.of.has(model ?? '') ? model : ''}`;

/**
 * The subjects of a call, at most two: what has no limit is not counted. `model` is null for a call about no model, which is exempt from the
 * limits of models; undefined where the door does not know it, which is not.
 */
export const subjectsOf = (
  key: { readonly keyId: string; readonly accountId: string; readonly limits: RateLimits },
  model: string | null | undefined,
  accountModel: AccountModelLimits,
): readonly RateSubject[] => {
  const subjects: RateSubject[] = [];
  if (isLimited(key.limits)) subjects.push({ id: keySubject(key.keyId), scope: 'key', limits: key.limits });
  if (model === null) return subjects;
  const limits = accountModel.of.get(model ?? '') ?? accountModel.others;
  const id = accountModelSubject(key.accountId, model, accountModel);
  if (isLimited(limits)) subjects.push({ id, scope: 'account_model', limits });
  return subjects;
};

/** A call of so many tokens fits into none of these windows, however long its caller waits: the first that is too small as a whole. */
export const tooSmallFor = (windows: readonly RateWindow[], tokens: number): RateWindow | undefined =>
  windows.find(({ kind, limit }) => kind !== 'requests_per_minute' && tokens > limit);

const minuteMs = 60_000;
const dayMs = 86_400_000;
/** Minutes and days of UTC since 1970: the numbers of windows. */
export const minuteOf = (at: Date): number => Math.floor(at.getTime() / minuteMs);
export const dayOf = (at: Date): number => Math.floor(at.getTime() / dayMs);
export const startOfMinute = (minute: number): Date => new Date(minute * minuteMs);

export type RateCounts = {
  readonly minute: number;
  readonly requests: number;
  readonly tokens: number;
  readonly day: number;
  readonly dayTokens: number;
};

/** The limits in force of a subject and what is left of them; a window that corrections overdrew has nothing left. */
export const windowsOf = ({ scope, limits }: RateSubject, counts: RateCounts): RateWindow[] => {
  const minuteEnd = new Date((counts.minute + 1) * minuteMs).toISOString();
  const dayEnd = new Date((counts.day + 1) * dayMs).toISOString();
  const windows: RateWindow[] = [];
  const add = (kind: RateWindow['kind'], limit: number | null, used: number, resetsAt: string) => {
    if (limit !== null) windows.push({ scope, kind, limit, remaining: Math.max(0, limit - used), resetsAt });
  };
  add('requests_per_minute', limits.requestsPerMinute, counts.requests, minuteEnd);
  add('tokens_per_minute', limits.tokensPerMinute, counts.tokens, minuteEnd);
  add('tokens_per_day', limits.tokensPerDay, counts.dayTokens, dayEnd);
  return windows;
};
