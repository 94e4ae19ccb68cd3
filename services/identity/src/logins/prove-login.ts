// Use case: a fresh proof within a session, by a login that is linked to this very account.
import { accountCancelled } from '@meridian/contracts/common.ts';
import { secondFactorRequired } from '@meridian/contracts/identity.ts';
import { loginNotLinked } from '@meridian/contracts/identity-logins.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { findAccount, lockStatus } from '../account/account.store.ts';
import { isJustBound } from '../account/just-bound.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { secondFactorsOf } from '../factors/factor.store.ts';
import { setProven } from '../sessions/session.store.ts';
import { findLogin, findLogins, lockSubjects, loginsOf } from './linked-login.store.ts';
import { takeProven } from './take-proven.ts';

type Owner = { readonly accountId: string; readonly sessionId: string };

/** Whoever holds the account at the provider must not get past the factor that was set against just that. */
const assertNoFactor = async (tx: Tx<IdentitySchema>, accountId: string): Promise<void> => {
  if ((await secondFactorsOf(tx, accountId)).length > 0)
    fail(secondFactorRequired, { detail: 'Prove yourself with the second factor' });
};

/** At the begin, before anybody is sent anywhere. */
export const assertMayProve = async (tx: Tx<IdentitySchema>, owner: Owner, provider: string): Promise<void> => {
  await assertNoFactor(tx, owner.accountId);
  if (!(await loginsOf(tx, owner.accountId)).some((login) => login.provider === provider)) fail(loginNotLinked);
};

export const proveLogin = async (
  tx: Tx<IdentitySchema>,
  deps: Pick<IdentityDeps, 'region' | 'now' | 'loginSecrets'>,
  { accountId, sessionId, code, browserHashes }: Owner & { code: string; browserHashes: readonly string[] },
): Promise<Date> => {
  const { proven } = await takeProven(tx, deps, {
    token: code,
    browserHashes,
    stage: 'completion',
    purpose: 'prove',
    owner: { accountId, sessionId },
  });
  await lockSubjects(tx, deps.loginSecrets, proven.subjectIds);
  if ((await lockStatus(tx, accountId, 'update')) !== 'active') return fail(accountCancelled);
  await assertNoFactor(tx, accountId);
  const found = await findLogins(tx, deps.loginSecrets, proven.subjectIds);
  // Somebody else's login proves somebody else (CVE-2026-9087).
  if (found.length !== 1 || found[0]?.accountId !== accountId) return fail(loginNotLinked);
  const now = deps.now();
  const [login, account] = [await findLogin(tx, found[0].loginId), await findAccount(tx, accountId)];
  if (login === undefined || account === undefined || isJustBound(login.linked_at, account.created_at, now))
    return fail(loginNotLinked, { detail: 'It was linked less than a day ago; prove yourself by another way' });
  await setProven(tx, sessionId, now);
  return now;
};
