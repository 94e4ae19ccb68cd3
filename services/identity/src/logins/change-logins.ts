// Use cases: link a login to the signed-in account, unlink one. Both need a fresh proof, are told at every address, and end every other session.
import { notFound } from '@meridian/contracts/common.ts';
import { lastLoginMethod } from '@meridian/contracts/identity.ts';
import { loginTaken, tooManyLogins } from '@meridian/contracts/identity-logins.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { FederatedLogin } from '@meridian/regions/profile.ts';
import { countLoginMethods } from '../account/login-methods.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { tellOwner } from '../notices/tell-owner.ts';
import { dropBegun } from '../recovery/drop-begun.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { assertProven } from '../sessions/assert-proven.ts';
import { endSessions } from '../sessions/end-sessions.ts';
import { accountKeyOf } from './account-key.ts';
import { attachLogin, refreshLogin } from './attach-login.ts';
import { findLogin, findLogins, lockSubjects, loginsOf } from './linked-login.store.ts';
import { dropUnconfirmed } from './login-flow.store.ts';
import { maxLogins } from './login-flow.ts';
import { removeLogin } from './remove-login.ts';
import { refuseFlow, takeProven } from './take-proven.ts';

type Deps = Pick<IdentityDeps, 'region' | 'now' | 'vault' | 'publish' | 'loginSecrets'>;
type Change = { readonly accountId: string; readonly sessionId: string; readonly network: string };

/** At the begin of a link, before anybody is sent anywhere. */
export const assertMayLink = async (
  tx: Tx<IdentitySchema>,
  deps: Pick<Deps, 'now'>,
  owner: Pick<Change, 'accountId' | 'sessionId'>,
): Promise<void> => {
  await assertProven(tx, deps, owner);
  if ((await loginsOf(tx, owner.accountId)).length >= maxLogins) fail(tooManyLogins);
};

const conclude = async (
  tx: Tx<IdentitySchema>,
  deps: Deps,
  { accountId, sessionId, network }: Change,
  { kind, provider }: { kind: 'login_linked' | 'login_unlinked'; provider: FederatedLogin },
) => {
  await tellOwner(tx, deps, { accountId, kind });
  await appendSecurityLog(tx, { at: deps.now(), kind, accountId, sessionId, network, method: provider });
  await dropBegun(tx, accountId, deps.now());
  await dropUnconfirmed(tx, accountId);
  await endSessions(tx, deps, { accountId, except: sessionId, reason: 'credentials_changed', network });
};

export const linkLogin = async (
  tx: Tx<IdentitySchema>,
  deps: Deps,
  command: Change & { readonly code: string; readonly browserHashes: readonly string[] },
): Promise<string> => {
  const { accountId, sessionId, code, browserHashes } = command;
  const owner = { accountId, sessionId };
  const { proven } = await takeProven(tx, deps, {
    token: code,
    browserHashes,
    stage: 'completion',
    purpose: 'link',
    owner,
  });
  // In the order in which a sign-in locks them.
  await lockSubjects(tx, deps.loginSecrets, proven.subjectIds);
  await assertProven(tx, deps, owner);
  const found = await findLogins(tx, deps.loginSecrets, proven.subjectIds);
  if (found.some((login) => login.accountId !== accountId) || found.length > 1)
    return fail(loginTaken, { helpCentre: deps.region.profile.links.helpCentre });
  const [known] = found;
  if (known !== undefined) {
    if (!(await refreshLogin(tx, deps, known, proven))) return refuseFlow(deps);
    return known.loginId;
  }
  if ((await loginsOf(tx, accountId)).length >= maxLogins) return fail(tooManyLogins);
  const loginId = await attachLogin(tx, deps, {
    accountId,
    key: await accountKeyOf(tx, deps.vault, accountId),
    proven,
    now: deps.now(),
  });
  await conclude(tx, deps, command, { kind: 'login_linked', provider: proven.subjectIds[0].provider });
  return loginId;
};

export const unlinkLogin = async (
  tx: Tx<IdentitySchema>,
  deps: Deps,
  command: Change & { readonly loginId: string },
): Promise<void> => {
  const { accountId, loginId } = command;
  await assertProven(tx, deps, command);
  const login = await findLogin(tx, loginId);
  if (login?.account_id !== accountId) return fail(notFound, { detail: 'The account has no such login' });
  await removeLogin(tx, deps, login);
  // The account's row is locked: two removals at once cannot each think that the other's way in is left.
  if ((await countLoginMethods(tx, accountId)) === 0) return fail(lastLoginMethod);
  return conclude(tx, deps, command, { kind: 'login_unlinked', provider: login.provider });
};
