// Use case: add an address whose code was right, or put it in the place of another.
import { notFound } from '@meridian/contracts/common.ts';
import { codeInvalid, contactTaken, tooManyContacts } from '@meridian/contracts/identity.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { newId } from '@meridian/kit/ids.ts';
import { endDetachment } from '../account/account.store.ts';
import type { Accepted } from '../codes/accept-identifier.ts';
import { consumeCode } from '../codes/code.store.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { deletePendingOf } from '../factors/factor.store.ts';
import { dropUnconfirmed } from '../logins/login-flow.store.ts';
import { tellOwner } from '../notices/tell-owner.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { assertProven } from '../sessions/assert-proven.ts';
import { endSessions } from '../sessions/end-sessions.ts';
import { blindIndexesOf, deleteContact, insertContactIfFree } from './contact.store.ts';

type Deps = Pick<IdentityDeps, 'region' | 'now' | 'vault' | 'codeSecrets' | 'publish'>;
export const maxContacts = 5;

export type AddContact = {
  readonly accountId: string;
  readonly sessionId: string;
  readonly identifier: Accepted;
  readonly codeId: string;
  readonly replaces?: string | undefined;
  readonly network: string;
};

/** Older sessions die: whoever was in before the address was proven stays out (pre-hijacking, arXiv 2205.10174). */
export const addContact = async (tx: Tx<IdentitySchema>, deps: Deps, command: AddContact) => {
  const { accountId, sessionId, identifier, codeId, replaces, network } = command;
  const now = deps.now();
  await assertProven(tx, deps, command);
  if (!(await consumeCode(tx, codeId, 'bind', now))) fail(codeInvalid);
  await tellOwner(tx, deps, { accountId, kind: 'contact_added' });
  if (replaces !== undefined) await tellOwner(tx, deps, { accountId, kind: 'contact_removed' });
  if (replaces !== undefined && !(await deleteContact(tx, accountId, replaces)))
    fail(notFound, { detail: 'The address to be replaced is none of this account' });
  if ((await blindIndexesOf(tx, accountId)).length >= maxContacts) fail(tooManyContacts);

  const { wrapped } = await tx
    .selectFrom('account_key')
    .select('wrapped')
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow();
  const id = newId('con', deps.region.id, now);
  const free = await insertContactIfFree(tx, {
    id,
    accountId,
    kind: identifier.kind,
    sealed: deps.vault.seal(deps.vault.unwrap(accountId, wrapped), id, identifier.value),
    blindIndex: deps.codeSecrets.identifierHash(identifier.kind, identifier.value),
    verifiedAt: now,
  });
  if (!free)
    fail(contactTaken, { detail: 'Nothing is merged; sign in to the account that has it, and remove it there' });
  await endDetachment(tx, accountId);
  const log = { at: now, accountId, sessionId, network, method: identifier.kind };
  if (replaces !== undefined) await appendSecurityLog(tx, { ...log, kind: 'contact_removed' });
  await appendSecurityLog(tx, { ...log, kind: 'contact_added' });
  await deletePendingOf(tx, accountId);
  await dropUnconfirmed(tx, accountId);
  await endSessions(tx, deps, { accountId, except: sessionId, reason: 'credentials_changed', network });
  return { contactId: id, kind: identifier.kind, value: identifier.value, verifiedAt: now };
};
