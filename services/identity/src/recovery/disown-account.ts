// Use case: "this is not mine". The number leaves the account it belonged to, and begins one of its new holder.
import { accountCancelled } from '@meridian/contracts/common.ts';
import { factorInvalid } from '@meridian/contracts/identity.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { lockStatus } from '../account/account.store.ts';
import type { Accepted } from '../codes/accept-identifier.ts';
import { deleteContact, openContacts } from '../contacts/contact.store.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { deletePendingOf } from '../factors/factor.store.ts';
import { tellOwner } from '../notices/tell-owner.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { register } from '../sessions/open-session.ts';
import { type Caller, type StartedSession, startSession } from '../sessions/start-session.ts';
import { stopRecoveriesOf } from './recovery.store.ts';

/** What the old account had begun with the number is over; its own sessions, factors and other addresses stay. */
const detach = async (
  tx: Tx<IdentitySchema>,
  deps: IdentityDeps,
  old: { accountId: string; contactId: string; blindIndex: string; network: string },
): Promise<void> => {
  const { accountId, contactId, blindIndex, network } = old;
  const now = deps.now();
  await deleteContact(tx, accountId, contactId);
  await tx.updateTable('account').set({ phone_detached_at: now }).where('id', '=', accountId).execute();
  await deletePendingOf(tx, accountId);
  await stopRecoveriesOf(tx, accountId, now);
  await tx.deleteFrom('code').where('identifier_hash', '=', blindIndex).execute();
  await appendSecurityLog(tx, { at: now, kind: 'phone_detached', accountId, network });
  // After the number is gone: its new holder is not who is to be told.
  await tellOwner(tx, deps, { accountId, kind: 'phone_detached' });
};

export const disownAccount = async (
  tx: Tx<IdentitySchema>,
  deps: IdentityDeps,
  command: { challengeHash: string; termsVersion: string; caller: Caller },
): Promise<StartedSession> => {
  const { challengeHash, termsVersion, caller } = command;
  const now = deps.now();
  const pending = () =>
    tx
      .selectFrom('pending_sign_in')
      .select(['account_id as accountId', 'contact_id as contactId'])
      .where('challenge_hash', '=', challengeHash)
      .where('needs', '=', 'second_proof')
      .where('expires_at', '>', now)
      .executeTakeFirst();
  const begun = (await pending()) ?? fail(factorInvalid);
  if ((await lockStatus(tx, begun.accountId, 'update')) !== 'active') return fail(accountCancelled);
  // Two at once: the second one finds the challenge gone.
  if ((await pending()) === undefined) return fail(factorInvalid);
  const contact = (await openContacts(tx, deps.vault, begun.accountId)).find(({ id }) => id === begun.contactId);
  if (contact === undefined) return fail(factorInvalid);
  const identifier: Accepted = { kind: contact.kind, value: contact.value, method: 'phone_code' };
  const blindIndex = deps.codeSecrets.identifierHash(contact.kind, contact.value);
  const { network } = caller;
  await detach(tx, deps, { accountId: begun.accountId, contactId: contact.id, blindIndex, network });
  const accountId = (await register(tx, deps, { identifier }, blindIndex, termsVersion)) ?? fail(factorInvalid);
  await appendSecurityLog(tx, { at: now, kind: 'account_registered', accountId, network });
  return startSession(tx, deps, { accountId, method: identifier.method, caller });
};
