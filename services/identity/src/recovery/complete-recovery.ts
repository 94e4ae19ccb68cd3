// Use case: complete a proven recovery, exactly once.
import { accountCancelled } from '@meridian/contracts/common.ts';
import { codeInvalid } from '@meridian/contracts/identity.ts';
import { recoveryInvalid, recoveryNotProven } from '@meridian/contracts/identity-recovery.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { lockStatus } from '../account/account.store.ts';
import { acceptedAnew } from '../account/terms.ts';
import type { Accepted } from '../codes/accept-identifier.ts';
import { consumeCode } from '../codes/code.store.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { type Caller, type StartedSession, startSession } from '../sessions/start-session.ts';
import { provenAccount } from './prove-recovery.ts';
import { endRecovery, findRecovery } from './recovery.store.ts';
import { takeOver } from './take-over.ts';

export type CompleteRecovery = {
  readonly tokenHash: string;
  readonly contact: { readonly identifier: Accepted; readonly codeId: string } | undefined;
  readonly replaceContacts: boolean;
  readonly passwordHash: string | undefined;
  readonly termsVersion: string | undefined;
  readonly caller: Caller;
};

export const completeRecovery = async (
  tx: Tx<IdentitySchema>,
  deps: IdentityDeps,
  { tokenHash, contact, replaceContacts, passwordHash, termsVersion, caller }: CompleteRecovery,
): Promise<StartedSession> => {
  const now = deps.now();
  const owner = (await findRecovery(tx, tokenHash, now))?.account_id;
  // Account before recovery, as everywhere; what was read before the lock is read again after it.
  if (owner != null && (await lockStatus(tx, owner, 'update')) !== 'active') return fail(accountCancelled);
  const recovery = await findRecovery(tx, tokenHash, now);
  if (recovery === undefined) return fail(recoveryInvalid);
  const accountId = await provenAccount(tx, deps, recovery);
  if (accountId === undefined) return fail(recoveryNotProven);
  if (!(await endRecovery(tx, recovery.id, 'completed', now))) return fail(recoveryInvalid);
  if (contact !== undefined && !(await consumeCode(tx, contact.codeId, 'bind', now))) return fail(codeInvalid);
  const method = recovery.proofs.join('+');
  await takeOver(tx, deps, {
    accountId,
    method: method.slice(0, 40),
    network: caller.network,
    contact: contact?.identifier,
    replaceContacts,
    passwordHash,
  });
  const acceptedTerms = await acceptedAnew(tx, deps, accountId, termsVersion);
  return startSession(tx, deps, { accountId, method: 'recovery', acceptedTerms, caller });
};
