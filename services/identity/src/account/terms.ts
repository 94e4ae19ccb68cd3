// The terms of service: accepted at registration, and anew at the next sign-in after they changed, by whatever way it is.
import { consentRequired } from '@meridian/contracts/common.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { hasAgreed, insertConsent } from './account.store.ts';

/** Thrown out of the transaction, so that what was proven stays good and comes back with the consent. */
export const assertConsent = ({ region }: Pick<IdentityDeps, 'region'>, given: string | undefined): void => {
  const { termsVersion } = region.profile.registration;
  if (given !== termsVersion)
    fail(consentRequired, { detail: `Send termsVersion "${termsVersion}" once the person has accepted it` });
};

/** Of an account that is there: keeps the consent that is given, and asks for the one that is missing. */
export const assertAgreed = async (
  tx: Tx<IdentitySchema>,
  deps: Pick<IdentityDeps, 'region' | 'now'>,
  accountId: string,
  given: string | undefined,
): Promise<void> => {
  const { termsVersion } = deps.region.profile.registration;
  if (await hasAgreed(tx, accountId, termsVersion)) return;
  assertConsent(deps, given);
  await insertConsent(tx, { accountId, termsVersion, at: deps.now() });
};
