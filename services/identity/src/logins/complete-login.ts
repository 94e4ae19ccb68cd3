// Use case: sign in by a login that is linked, or register one that is not.
import { accountCancelled } from '@meridian/contracts/common.ts';
import { loginTaken } from '@meridian/contracts/identity-logins.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { newId } from '@meridian/kit/ids.ts';
import { lockStatus } from '../account/account.store.ts';
import { acceptedAnew, assertConsent } from '../account/terms.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { type Continued, continueSignIn } from '../sessions/continue-sign-in.ts';
import type { Caller } from '../sessions/start-session.ts';
import { refreshLogin } from './attach-login.ts';
import { findLogins, lockSubjects } from './linked-login.store.ts';
import { insertBinding } from './login-flow.store.ts';
import { bindingMs } from './login-flow.ts';
import { drawSecret, hashOf, sealProven } from './login-secrets.ts';
import { registerLogin } from './register-login.ts';
import { refuseFlow, takeProven } from './take-proven.ts';

export type CompleteLogin = {
  readonly code: string;
  readonly browserHashes: readonly string[];
  readonly termsVersion?: string | undefined;
  readonly caller: Caller;
};
export type CompletedLogin =
  | ({ readonly created: boolean } & Continued)
  /** To be committed: the completion is used up, the binding stands for it. */
  | { readonly outcome: 'phone_binding'; readonly bindingToken: string; readonly expiresAt: Date };

export const completeLogin = async (
  tx: Tx<IdentitySchema>,
  deps: IdentityDeps,
  { code, browserHashes, termsVersion, caller }: CompleteLogin,
): Promise<CompletedLogin> => {
  const taken = await takeProven(tx, deps, {
    token: code,
    browserHashes,
    stage: 'completion',
    purpose: 'sign_in',
    owner: undefined,
  });
  const { proven } = taken;
  const { provider } = proven.subjectIds[0];
  await lockSubjects(tx, deps.loginSecrets, proven.subjectIds);
  const [known, ...others] = await findLogins(tx, deps.loginSecrets, proven.subjectIds);
  if (others.length > 0) {
    deps.log.error({ provider }, 'the ids of one login belong to several accounts');
    return fail(loginTaken, { helpCentre: deps.region.profile.links.helpCentre });
  }
  if (known !== undefined) {
    const { accountId } = known;
    if ((await lockStatus(tx, accountId, 'share')) !== 'active')
      return fail(accountCancelled, { detail: 'Its erasure is under way; register anew afterwards' });
    const acceptedTerms = await acceptedAnew(tx, deps, accountId, termsVersion);
    // Unlinked while we waited for the account.
    if (!(await refreshLogin(tx, deps, known, proven))) return refuseFlow(deps);
    const signIn = { accountId, method: provider, acceptedTerms, caller };
    return { created: false, ...(await continueSignIn(tx, deps, signIn)) };
  }
  if (deps.region.profile.registration.bindPhone) {
    const createdAt = deps.now();
    const id = newId('lgn', deps.region.id, createdAt);
    const bindingToken = drawSecret();
    const expiresAt = new Date(createdAt.getTime() + bindingMs);
    await insertBinding(tx, {
      id,
      tokenHash: hashOf(bindingToken),
      browserHash: taken.browserHash,
      provider,
      sealed: sealProven(bindingToken, id, proven),
      createdAt,
      expiresAt,
    });
    return { outcome: 'phone_binding', bindingToken, expiresAt };
  }
  assertConsent(deps, termsVersion);
  const accountId = await registerLogin(tx, deps, { proven, network: caller.network });
  return { created: true, ...(await continueSignIn(tx, deps, { accountId, method: provider, caller })) };
};
