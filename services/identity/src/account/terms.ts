// The terms of service: accepted at registration, and anew at the next sign-in after they changed, by whatever way it is.
import { consentRequired } from '@meridian/contracts/common.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { hasAgreed } from './account.store.ts';

/** Thrown out of the transaction, so that what was proven stays good and comes back with the consent. */
export const assertConsent = ({ region }: Pick<IdentityDeps, 'region'>, given: string | undefined): void => {
  const { termsVersion } = region.profile.registration;
  if (given !== termsVersion)
    fail(consentRequired, { detail: `Send termsVersion "${termsVersion}" once the person has accepted it` });
};

/**
 * Of an account that is there: asks for the consent that is missing, and returns the version that is accepted with this sign-in. It is recorded when the
 * session starts, never earlier: who has not shown the second factor or proof yet accepts nothing in the owner's name.
 */
export const acceptedAnew = async (
  tx: Tx<IdentitySchema>,
  deps: Pick<IdentityDeps, 'region'>,
  accountId: string,
  given: string | undefined,
): Promise<string | undefined> => {
  const { termsVersion } = deps.region.profile.registration;
  if (await hasAgreed(tx, accountId, termsVersion)) return undefined;
  assertConsent(deps, given);
  return termsVersion;
};
