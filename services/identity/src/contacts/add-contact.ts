// Use case: add an address whose code was right, or put it in the place of another.
import { notFound } from '@meridian/contracts/common.ts';
import { codeInvalid } from '@meridian/contracts/identity.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { Accepted } from '../codes/accept-identifier.ts';
import { consumeCode } from '../codes/code.store.ts';
import type { IdentitySchema } from '../db/schema.ts';
import { tellOwner } from '../notices/tell-owner.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { assertProven } from '../sessions/assert-proven.ts';
import { attachContact, type ContactChange, type ContactDeps } from './attach-contact.ts';
import { deleteContact } from './contact.store.ts';

export type AddContact = ContactChange & {
  readonly identifier: Accepted;
  readonly codeId: string;
  readonly replaces?: string | undefined;
};

export const addContact = async (tx: Tx<IdentitySchema>, deps: ContactDeps, command: AddContact) => {
  const { accountId, sessionId, identifier, codeId, replaces, network } = command;
  const { kind, value } = identifier;
  const now = deps.now();
  await assertProven(tx, deps, command);
  if (!(await consumeCode(tx, codeId, 'bind', now))) fail(codeInvalid);
  if (replaces !== undefined) {
    await tellOwner(tx, deps, { accountId, kind: 'contact_removed' });
    if (!(await deleteContact(tx, accountId, replaces)))
      fail(notFound, { detail: 'The address to be replaced is none of this account' });
    await appendSecurityLog(tx, { at: now, kind: 'contact_removed', accountId, sessionId, network, method: kind });
  }
  return { ...(await attachContact(tx, deps, command, { kind, value })), kind, value };
};
