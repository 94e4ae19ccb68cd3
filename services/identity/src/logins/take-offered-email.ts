// Use case: the address that the provider has proven becomes the security e-mail.
import { notFound } from '@meridian/contracts/common.ts';
import { contactTaken, tooManyContacts } from '@meridian/contracts/identity.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { newId } from '@meridian/kit/ids.ts';
import { maxContacts } from '../contacts/add-contact.ts';
import { blindIndexesOf, insertContactIfFree } from '../contacts/contact.store.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { tellOwner } from '../notices/tell-owner.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { assertProven } from '../sessions/assert-proven.ts';
import { endSessions } from '../sessions/end-sessions.ts';
import { accountKeyOf } from './account-key.ts';
import { dropUnconfirmed } from './login-flow.store.ts';
import { findOffer } from './offered-email.store.ts';

type Deps = Pick<IdentityDeps, 'region' | 'now' | 'vault' | 'codeSecrets' | 'publish'>;

export const takeOfferedEmail = async (
  tx: Tx<IdentitySchema>,
  deps: Deps,
  command: { accountId: string; sessionId: string; network: string },
): Promise<{ contactId: string; address: string; verifiedAt: Date }> => {
  const { accountId, sessionId, network } = command;
  const now = deps.now();
  await assertProven(tx, deps, command);
  const offer = await findOffer(tx, accountId, now);
  if (offer === undefined) return fail(notFound, { detail: 'No address is offered, or the offer is over' });
  if (!offer.proven)
    return fail(notFound, { detail: 'The provider has not proven this address; add it by a code as any other' });
  if ((await blindIndexesOf(tx, accountId)).length >= maxContacts) return fail(tooManyContacts);
  const key = await accountKeyOf(tx, deps.vault, accountId);
  const address = deps.vault.open(key, 'offered email', offer.sealed);
  const contactId = newId('con', deps.region.id, now);
  await tellOwner(tx, deps, { accountId, kind: 'contact_added' });
  const free = await insertContactIfFree(tx, {
    id: contactId,
    accountId,
    kind: 'email',
    sealed: deps.vault.seal(key, contactId, address),
    blindIndex: deps.codeSecrets.identifierHash('email', address),
    verifiedAt: now,
  });
  if (!free) return fail(contactTaken, { detail: 'Nothing is merged; sign in to the account that has it' });
  await appendSecurityLog(tx, { at: now, kind: 'contact_added', accountId, sessionId, network, method: 'email' });
  await dropUnconfirmed(tx, accountId);
  await endSessions(tx, deps, { accountId, except: sessionId, reason: 'credentials_changed', network });
  return { contactId, address, verifiedAt: now };
};
