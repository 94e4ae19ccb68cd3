// A refused key, in words that say what to do next.
import { explainKeyRefusal, retryAfterOf } from '@meridian/client/key-refusal.ts';
import { rateHeaders } from '@meridian/client/rate-headers.ts';
import { type KeyRefusal, type RateWindow, refusalProblems } from '@meridian/contracts/key-issuance.ts';
import { fail } from '@meridian/kit/http/problems.ts';

export type RefusalContext = { readonly now: Date; readonly rates?: readonly RateWindow[] | undefined };

export const refuseKey = (refusal: KeyRefusal, { now, rates }: RefusalContext = { now: new Date() }): never => {
  const { code, ...members } = refusal;
  const retryAfter = retryAfterOf(refusal, now);
  return fail(refusalProblems[code], {
    detail: explainKeyRefusal(refusal),
    ...members,
    ...(retryAfter !== undefined && { retryAfter }),
    ...(rates && { headers: rateHeaders(rates, now) }),
  });
};
