// Why a call ended before its time, and what its caller is told.
import type { CutReason, OpenCall } from '@meridian/client/open-calls.ts';
import { accountCancelled, unavailable } from '@meridian/contracts/common.ts';
import { upstreamFailed } from '@meridian/contracts/gateway.ts';
import { accountFrozen, accountProtected, keyRevoked } from '@meridian/contracts/key-issuance.ts';
import type { ProblemDefinition } from '@meridian/contracts/problem.ts';
import { isRefusal, Refusal } from '@meridian/kit/http/problems.ts';

const problems: Readonly<Record<CutReason, readonly [ProblemDefinition, string]>> = {
  revoked: [keyRevoked, 'The API key was revoked; the call was ended'],
  rotated: [keyRevoked, 'The API key was rotated; the call was ended. Use its new secret'],
  cancelled: [accountCancelled, 'The account is cancelled; the call was ended'],
  protected: [
    accountProtected,
    'The account was put under protection; the call was ended. The next call names the case',
  ],
  frozen: [accountFrozen, 'The account was frozen while a refund is reviewed; the call was ended'],
  silence: [unavailable, 'The API key could not be checked any longer; the call was ended. Try again'],
  draining: [unavailable, 'This gateway stops; the call was ended. Try again'],
};

/**
 * The refusal that stands for `error`, thrown while the call ran: a cut from outside, a refusal on the way, or else the upstream's failure, told
 * as `failed`.
 */
export const endOfCall = (call: Pick<OpenCall, 'reason'>, error: unknown, failed?: string): Refusal => {
  const reason = call.reason();
  if (reason !== undefined) {
    const [definition, detail] = problems[reason];
    return new Refusal(definition, { detail, ...(definition === unavailable && { retryAfter: 1 }) });
  }
  if (isRefusal(error)) return error;
  return new Refusal(upstreamFailed, { retryAfter: 2, ...(failed !== undefined && { detail: failed }) });
};
