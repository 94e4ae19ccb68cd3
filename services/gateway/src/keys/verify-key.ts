// Ask key-issuance whether a key is good now, for this call. Without an answer nobody gets in.
import { isIP } from 'node:net';
import { unavailable } from '@meridian/contracts/common.ts';
import { type KeyProduct, type RateWindow, verifyKey as verifyKeyEndpoint } from '@meridian/contracts/key-issuance.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { Core } from '@meridian/kit/run/platform.ts';
import { refuseKey } from './refuse-key.ts';

export type KeyOwner = {
  readonly accountId: string;
  readonly keyId: string;
  /** Of the changes of keys, as the verification saw them. */
  readonly position: string;
  /** Every limit in force for the call; undefined: none is. */
  readonly rates?: readonly RateWindow[] | undefined;
  readonly reservedAt?: string | undefined;
};

export type KeyQuestion = {
  readonly key: string;
  readonly product: KeyProduct;
  /** null: a call that is about no model. */
  readonly model: string | null;
  /** Path below the Base URL. */
  readonly endpoint: string;
  readonly ip: string;
  readonly tokensEstimate?: number;
};

// Above the two deadlines of 2 s that key-issuance keeps, so that its own refusal is heard.
const timeoutMs = 4_500;

export type VerifyDeps = Pick<Core, 'call' | 'log'> & {
  readonly keyIssuanceUrl: string;
  readonly now: () => Date;
};

export const verifyKey = async (
  { call, log, keyIssuanceUrl, now }: VerifyDeps,
  { ip, ...question }: KeyQuestion,
): Promise<KeyOwner> => {
  // A zone ("fe80::1%eth0") means nothing elsewhere: such a caller has no address that a list could name.
  const body = { ...question, ...(isIP(ip) !== 0 && !ip.includes('%') && { ip }) };
  const verdict = await call(verifyKeyEndpoint, { baseUrl: keyIssuanceUrl, body, timeoutMs }).catch((err: unknown) => {
    log.error({ err }, 'keys cannot be verified');
    return fail(unavailable, { detail: 'API keys cannot be verified at the moment; try again', retryAfter: 1 });
  });
  if (verdict.body.valid) return verdict.body;
  return refuseKey(verdict.body.refusal, { now: now(), rates: verdict.body.rates });
};
