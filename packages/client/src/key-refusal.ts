// A refused key as a problem, and in words that say what to do next. One text for every door.
import { accountCancelled } from '@meridian/contracts/common.ts';
import {
  accountProtected,
  balanceExhausted,
  type KeyRefusal,
  keyInvalid,
  keyProductMismatch,
  keyRegionMismatch,
  keyRevoked,
} from '@meridian/contracts/key-issuance.ts';
import type { ProblemDefinition } from '@meridian/contracts/problem.ts';

/** The problem, and with it the HTTP status, of each refusal. */
export const keyRefusalProblems: Readonly<Record<KeyRefusal['code'], ProblemDefinition>> = {
  key_invalid: keyInvalid,
  key_revoked: keyRevoked,
  key_region_mismatch: keyRegionMismatch,
  key_product_mismatch: keyProductMismatch,
  account_protected: accountProtected,
  account_cancelled: accountCancelled,
  balance_exhausted: balanceExhausted,
};

const use = (baseUrl: string | undefined) => (baseUrl === undefined ? '' : ` Use the Base URL ${baseUrl}`);

/** What happened and what to do next, for the person who reads the message of the error. */
export const explainKeyRefusal = ({ code, region, baseUrl, caseId, until, appealUrl }: KeyRefusal): string => {
  switch (code) {
    case 'key_invalid':
      return 'The API key is not valid; check that it was copied whole, or create one';
    case 'key_revoked':
      return 'This API key was revoked; create another';
    case 'key_region_mismatch':
      return `This API key belongs to region ${region}, not to this one; it was not looked up here.${use(baseUrl)}`;
    case 'key_product_mismatch':
      return `This API key belongs to another product.${use(baseUrl)}`;
    case 'account_protected':
      return `The account has abnormal usage behavior and is under protection until ${until} (case ${caseId}). You may appeal at ${appealUrl}`;
    case 'account_cancelled':
      return 'The account is cancelled; its API keys have expired';
    case 'balance_exhausted':
      return 'The balance is used up; recharge to go on. Do not retry before that';
  }
};
