// What every completed recovery does to its account: the new address and password, and the end of everything that was before.
import { contactTaken, tooManyContacts } from '@meridian/contracts/identity.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { newId } from '@meridian/kit/ids.ts';
import { sql } from 'kysely';
import { endDetachment } from '../account/account.store.ts';
import type { Accepted } from '../codes/accept-identifier.ts';
import { maxContacts } from '../contacts/attach-contact.ts';
import { blindIndexesOf, insertContactIfFree } from '../contacts/contact.store.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { deletePendingOf, putPassword } from '../factors/factor.store.ts';
import { dropUnconfirmed } from '../logins/login-flow.store.ts';
import { tellOwner } from '../notices/tell-owner.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { endSessions } from '../sessions/end-sessions.ts';
import { stopRecoveriesOf } from './recovery.store.ts';
import { stopTicketsOf } from './ticket.store.ts';

type Transaction = Tx<IdentitySchema>;

export type TakeOver = {
  readonly accountId: string;
  /** How it was recovered, for the security log. */
  readonly method: string;
  readonly network: string;
  readonly contact: Accepted | undefined;
  readonly replaceContacts: boolean;
  readonly passwordHash: string | undefined;
};

/** Whatever was begun and not finished before the recovery may have been begun by somebody else (pre-hijacking, arXiv 2205.10174). */
const dropPending = async (tx: Transaction, accountId: string, now: Date): Promise<void> => {
  await deletePendingOf(tx, accountId);
  await dropUnconfirmed(tx, accountId);
  await tx.deleteFrom('passkey_challenge').where('account_id', '=', accountId).execute();
  await tx.deleteFrom('code').where('account_id', '=', accountId).execute();
  await tx.deleteFrom('totp').where('account_id', '=', accountId).where('sealed', 'is', null).execute();
  await tx.updateTable('totp').set({ pending_sealed: null }).where('account_id', '=', accountId).execute();
  await stopRecoveriesOf(tx, accountId, now);
  await stopTicketsOf(tx, accountId, now);
};

/** The address's unique index decides between two who race for it. One the account has already is no obstacle. */
const putContact = async (tx: Transaction, deps: IdentityDeps, { accountId, contact, replaceContacts }: TakeOver) => {
  if (contact === undefined) return undefined;
  const now = deps.now();
  const blindIndex = deps.codeSecrets.identifierHash(contact.kind, contact.value);
  const before = await blindIndexesOf(tx, accountId);
  if (before.includes(blindIndex)) return blindIndex;
  if (!replaceContacts && before.length >= maxContacts) fail(tooManyContacts);
  const { wrapped } = await tx
    .selectFrom('account_key')
    .select('wrapped')
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow();
  const id = newId('con', deps.region.id, now);
  const sealed = deps.vault.seal(deps.vault.unwrap(accountId, wrapped), id, contact.value);
  const free = await insertContactIfFree(tx, {
    id,
    accountId,
    kind: contact.kind,
    sealed,
    blindIndex,
    verifiedAt: now,
  });
  if (!free) fail(contactTaken, { detail: 'It belongs to another account; nothing is merged' });
  await endDetachment(tx, accountId);
  return blindIndex;
};

const restrict = async (tx: Transaction, deps: IdentityDeps, accountId: string): Promise<void> => {
  const until = new Date(deps.now().getTime() + deps.region.profile.recovery.restrictedHours * 3_600_000);
  await tx
    .updateTable('account')
    .set({ restricted_until: sql`greatest(restricted_until, ${until})` })
    .where('id', '=', accountId)
    .execute();
};

/** The caller holds the account's row. Every address is told, old and new, before any of them goes. */
export const takeOver = async (tx: Transaction, deps: IdentityDeps, command: TakeOver): Promise<void> => {
  const { accountId, method, network, replaceContacts, passwordHash } = command;
  const now = deps.now();
  const log = { at: now, accountId, network };
  const blindIndex = await putContact(tx, deps, command);
  await tellOwner(tx, deps, { accountId, kind: 'recovered' });
  if (blindIndex !== undefined) {
    await appendSecurityLog(tx, { ...log, kind: 'contact_added' });
    const old = replaceContacts
      ? await tx
          .deleteFrom('contact')
          .where('account_id', '=', accountId)
          .where('blind_index', '<>', blindIndex)
          .executeTakeFirst()
      : undefined;
    if (Number(old?.numDeletedRows ?? 0n) > 0) await appendSecurityLog(tx, { ...log, kind: 'contact_removed' });
  }
  if (passwordHash !== undefined) {
    await putPassword(tx, accountId, passwordHash, now);
    await appendSecurityLog(tx, { ...log, kind: 'password_changed' });
  }
  await dropPending(tx, accountId, now);
  await endSessions(tx, deps, { accountId, reason: 'recovered', network });
  await restrict(tx, deps, accountId);
  await appendSecurityLog(tx, { ...log, kind: 'recovered', method });
};
