// Limits as OpenAI's clients read them: https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
import type { RateWindow } from '@meridian/contracts/key-issuance.ts';

/** OpenAI's form of a duration: "250ms", "12s", "6m0s", "3h2m1s". */
export const durationText = (ms: number): string => {
  if (ms < 1_000) return `${Math.max(0, Math.ceil(ms))}ms`;
  const seconds = Math.ceil(ms / 1_000);
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}h${m}m${s}s` : m > 0 ? `${m}m${s}s` : `${s}s`;
};

// Of several windows the one that will refuse first is told.
const tightest = (windows: readonly RateWindow[]): RateWindow | undefined =>
  windows.reduce<RateWindow | undefined>(
    (least, window) => (least === undefined || window.remaining < least.remaining ? window : least),
    undefined,
  );

/** `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`; what is not limited has no header. */
export const rateHeaders = (rates: readonly RateWindow[], now: Date): Record<string, string> => {
  const headers: Record<string, string> = {};
  for (const unit of ['requests', 'tokens'] as const) {
    const window = tightest(rates.filter(({ kind }) => kind.startsWith(unit)));
    if (window === undefined) continue;
    headers[`x-ratelimit-limit-${unit}`] = String(window.limit);
    headers[`x-ratelimit-remaining-${unit}`] = String(window.remaining);
    headers[`x-ratelimit-reset-${unit}`] = durationText(Date.parse(window.resetsAt) - now.getTime());
  }
  return headers;
};
