// Use case: the address that the provider has proven becomes the security e-mail.
import { notFound } from '@meridian/contracts/common.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { attachContact, type ContactChange, type ContactDeps } from '../contacts/attach-contact.ts';
import type { IdentitySchema } from '../db/schema.ts';
import { assertProven } from '../sessions/assert-proven.ts';
import { accountKeyOf } from './account-key.ts';
import { findOffer } from './offered-email.store.ts';

export const takeOfferedEmail = async (
  tx: Tx<IdentitySchema>,
  deps: ContactDeps,
  command: ContactChange,
): Promise<{ contactId: string; address: string; verifiedAt: Date }> => {
  const { accountId } = command;
  await assertProven(tx, deps, command);
  const offer = await findOffer(tx, accountId, deps.now());
  if (offer === undefined) return fail(notFound, { detail: 'No address is offered, or the offer is over' });
  if (!offer.proven)
    return fail(notFound, { detail: 'The provider has not proven this address; add it by a code as any other' });
  const address = deps.vault.open(await accountKeyOf(tx, deps.vault, accountId), 'offered email', offer.sealed);
  return { ...(await attachContact(tx, deps, command, { kind: 'email', value: address })), address };
};
