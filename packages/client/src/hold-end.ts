// The end of a hold counts once, and only when billing has said so: what the answers to `settle` and `release` mean for repeating them.

export type HoldEnd = 'settle' | 'release';

/** Answers that no repetition changes. Any other may pass, a 401 or 403 of a wrong clock or of a key not yet rolled out among them. */
const final = new Set(['not_found', 'request_mismatch', 'hold_not_open', 'invalid_input', 'region_mismatch']);

/**
 * For how long billing may still commit a hold whose request got no answer: 30 s to receive it, then a connection and five statements are 80 s. A
 * release that overtakes it is told `not_found`, and is repeated for this long.
 */
export const mayAppearMs = 120_000;

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** What a failed end means. `refused`: repeating is no use. `absent`: there is no such hold, or not yet (`mayAppearMs`). `failed`: repeat it. */
export const failureOfEnd = (what: HoldEnd, error: unknown): 'refused' | 'absent' | 'failed' => {
  const code = codeOf(error);
  // Of a settlement it is final: its hold was answered.
  if (what === 'release' && code === 'not_found') return 'absent';
  return final.has(code) ? 'refused' : 'failed';
};

/**
 * Whether a hold may exist, or come to exist, although the request for it failed, and is to be released: any failure but a refusal. A 5xx is none, as
 * billing's database may have committed and vanished.
 */
export const mayBeHeld = (error: unknown): boolean => {
  if (['timeout', 'unreachable', 'bad_answer'].includes(codeOf(error))) return true;
  return typeof error === 'object' && error !== null && 'status' in error && Number(error.status) >= 500;
};
