// Writes a proven address to an account, and ends what was before it: whoever was in stays out (pre-hijacking, arXiv 2205.10174).
import { contactTaken, tooManyContacts } from '@meridian/contracts/identity.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { newId } from '@meridian/kit/ids.ts';
import { endDetachment } from '../account/account.store.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { accountKeyOf } from '../logins/account-key.ts';
import { dropUnconfirmed } from '../logins/login-flow.store.ts';
import { tellOwner } from '../notices/tell-owner.ts';
import { dropBegun } from '../recovery/drop-begun.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { endSessions } from '../sessions/end-sessions.ts';
import { blindIndexesOf, insertContactIfFree } from './contact.store.ts';

export const maxContacts = 5;

export type ContactDeps = Pick<IdentityDeps, 'region' | 'now' | 'vault' | 'codeSecrets' | 'publish'>;
export type ContactChange = { readonly accountId: string; readonly sessionId: string; readonly network: string };

/** The caller holds the account's row and has proven both the person and the address. */
export const attachContact = async (
  tx: Tx<IdentitySchema>,
  deps: ContactDeps,
  { accountId, sessionId, network }: ContactChange,
  { kind, value }: { readonly kind: 'phone' | 'email'; readonly value: string },
): Promise<{ contactId: string; verifiedAt: Date }> => {
  const now = deps.now();
  if ((await blindIndexesOf(tx, accountId)).length >= maxContacts) fail(tooManyContacts);
  const contactId = newId('con', deps.region.id, now);
  const free = await insertContactIfFree(tx, {
    id: contactId,
    accountId,
    kind,
    sealed: deps.vault.seal(await accountKeyOf(tx, deps.vault, accountId), contactId, value),
    blindIndex: deps.codeSecrets.identifierHash(kind, value),
    verifiedAt: now,
  });
  if (!free)
    fail(contactTaken, { detail: 'Nothing is merged; sign in to the account that has it, and remove it there' });
  await endDetachment(tx, accountId);
  // The new address hears of it, too: it may be the only one.
  await tellOwner(tx, deps, { accountId, kind: 'contact_added' });
  await appendSecurityLog(tx, { at: now, kind: 'contact_added', accountId, sessionId, network, method: kind });
  await dropBegun(tx, accountId, now);
  await dropUnconfirmed(tx, accountId);
  await endSessions(tx, deps, { accountId, except: sessionId, reason: 'credentials_changed', network });
  return { contactId, verifiedAt: now };
};
