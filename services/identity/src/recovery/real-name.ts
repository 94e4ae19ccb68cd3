// What verification is asked: whether an account is verified, and whether somebody is its person. Nothing of the person stays here.
import { codeLimitReached } from '@meridian/contracts/identity.ts';
import { getVerificationStanding, matchRealName, verificationAttemptsUsed } from '@meridian/contracts/verification.ts';
import { errorCode } from '@meridian/kit/error-code.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { IdentityDeps } from '../deps.ts';

type Deps = Pick<IdentityDeps, 'region' | 'call' | 'addresses' | 'codeSecrets'>;
const timeoutMs = 3_000;

export const asksRealNames = ({ region }: Pick<IdentityDeps, 'region'>): boolean =>
  region.profile.realName.policy === 'required';

/** While verification is out the proof is offered: it will say so itself when somebody tries. */
export const isVerified = async (deps: Deps, accountId: string): Promise<boolean> => {
  if (!asksRealNames(deps)) return false;
  const options = { baseUrl: deps.addresses.verification, params: { accountId }, timeoutMs };
  return deps.call(getVerificationStanding, options).then(
    ({ body }) => body.verified,
    () => true,
  );
};

/**
 * Outside of any transaction. An outage is a 503, never a verdict. Tries are counted under `named`, as everywhere in a recovery, never under the
 * account: whose tries are used up would tell which names belong together.
 */
export const isPerson = async (
  deps: Deps,
  { accountId, named }: { accountId: string; named: string },
  { name, number }: { name: string; number: string },
): Promise<boolean> => {
  if (!asksRealNames(deps)) return false;
  const askedAs = deps.codeSecrets.identifierScope('real-name', named);
  const options = { baseUrl: deps.addresses.verification, body: { accountId, askedAs, name, number }, timeoutMs };
  const { body } = await deps.call(matchRealName, options).catch((error: unknown) => {
    if (errorCode(error) !== verificationAttemptsUsed.code) throw error;
    return fail(codeLimitReached, { retryAfter: 86_400, detail: 'Too many tries with a name and number; wait a day' });
  });
  return body.match;
};
