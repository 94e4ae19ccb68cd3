// Use case: the phone of a proven login was right. It gets a new account with both, or is told that the phone has one already.
import { codeInvalid } from '@meridian/contracts/identity.ts';
import { accountExists, loginTaken } from '@meridian/contracts/identity-logins.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { assertConsent } from '../account/terms.ts';
import type { Accepted } from '../codes/accept-identifier.ts';
import { consumeCode } from '../codes/code.store.ts';
import { indexIsTaken } from '../contacts/contact.store.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { type Continued, continueSignIn } from '../sessions/continue-sign-in.ts';
import type { Caller } from '../sessions/start-session.ts';
import { findLogins, lockSubjects } from './linked-login.store.ts';
import { registerLogin } from './register-login.ts';
import { takeProven } from './take-proven.ts';

export type BindPhone = {
  readonly bindingToken: string;
  readonly browserHashes: readonly string[];
  readonly phone: Accepted;
  readonly codeId: string;
  readonly termsVersion?: string | undefined;
  readonly caller: Caller;
};

/** Whatever is refused here leaves binding and code as they were: the transaction ends with the refusal. */
export const bindPhone = async (tx: Tx<IdentitySchema>, deps: IdentityDeps, command: BindPhone): Promise<Continued> => {
  const { bindingToken, browserHashes, phone, codeId, termsVersion, caller } = command;
  const { helpCentre } = deps.region.profile.links;
  const { proven } = await takeProven(tx, deps, {
    token: bindingToken,
    browserHashes,
    stage: 'binding',
    purpose: 'sign_in',
    owner: undefined,
  });
  await lockSubjects(tx, deps.loginSecrets, proven.subjectIds);
  if ((await findLogins(tx, deps.loginSecrets, proven.subjectIds)).length > 0)
    return fail(loginTaken, { detail: 'It was registered meanwhile; sign in by it again', helpCentre });
  if (!(await consumeCode(tx, codeId, 'bind', deps.now()))) return fail(codeInvalid);
  if (await indexIsTaken(tx, deps.codeSecrets.identifierHash(phone.kind, phone.value)))
    return fail(accountExists, {
      detail: 'Sign in with the number and a code, then link this login in the account; nothing is merged',
      helpCentre,
    });
  assertConsent(deps, termsVersion);
  const accountId = await registerLogin(tx, deps, { proven, phone, network: caller.network });
  return continueSignIn(tx, deps, { accountId, method: proven.subjectIds[0].provider, caller });
};
