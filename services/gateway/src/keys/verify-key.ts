// Ask key-issuance whether a key is good now. Without an answer nobody gets in.
import { unavailable } from '@meridian/contracts/common.ts';
import { type KeyProduct, verifyKey as verifyKeyEndpoint } from '@meridian/contracts/key-issuance.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { Core } from '@meridian/kit/run/platform.ts';
import { refuseKey } from './refuse-key.ts';

export type KeyOwner = { readonly accountId: string; readonly keyId: string };

const timeoutMs = 3_000;

export const verifyKey = async (
  { call, log, keyIssuanceUrl }: Pick<Core, 'call' | 'log'> & { readonly keyIssuanceUrl: string },
  question: { key: string; product: KeyProduct },
): Promise<KeyOwner> => {
  const verdict = await call(verifyKeyEndpoint, { baseUrl: keyIssuanceUrl, body: question, timeoutMs }).catch(
    (err: unknown) => {
      log.error({ err }, 'keys cannot be verified');
      return fail(unavailable, { detail: 'API keys cannot be verified at the moment; try again', retryAfter: 1 });
    },
  );
  return verdict.body.valid ? verdict.body : refuseKey(verdict.body.refusal);
};
