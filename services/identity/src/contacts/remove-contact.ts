// Use case: remove an address; the last way to sign in stays.
import { notFound } from '@meridian/contracts/common.ts';
import { lastLoginMethod } from '@meridian/contracts/identity.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { countLoginMethods } from '../account/login-methods.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { tellOwner } from '../notices/tell-owner.ts';
import { dropBegun } from '../recovery/drop-begun.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { assertProven } from '../sessions/assert-proven.ts';
import { endSessions } from '../sessions/end-sessions.ts';
import { blindIndexesOf, deleteContact } from './contact.store.ts';

type Deps = Pick<IdentityDeps, 'region' | 'now' | 'vault' | 'publish'>;

export const removeContact = async (
  tx: Tx<IdentitySchema>,
  deps: Deps,
  command: { accountId: string; sessionId: string; contactId: string; network: string },
): Promise<void> => {
  const { accountId, sessionId, contactId, network } = command;
  await assertProven(tx, deps, command);
  await tellOwner(tx, deps, { accountId, kind: 'contact_removed' });
  if (!(await deleteContact(tx, accountId, contactId))) fail(notFound, { detail: 'The account has no such address' });
  // The account's row is locked: two removals at once cannot each think the other's address is left.
  if ((await countLoginMethods(tx, accountId)) === 0) fail(lastLoginMethod);
  // A linked login must not outlive the phone that had to be bound to it.
  if (deps.region.profile.registration.bindPhone && (await blindIndexesOf(tx, accountId)).length === 0)
    fail(lastLoginMethod, { detail: 'This region binds a number to every account; replace it instead' });
  await appendSecurityLog(tx, { at: deps.now(), kind: 'contact_removed', accountId, sessionId, network });
  await dropBegun(tx, accountId, deps.now());
  await endSessions(tx, deps, { accountId, except: sessionId, reason: 'credentials_changed', network });
};
