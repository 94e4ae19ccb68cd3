// Use case: ask for an account with nothing left to prove it by. Everything is the same for a name that no account has; the owner is told later, by
// a job that finds the row.
import type { Tx } from '@meridian/kit/db/database.ts';
import { newId } from '@meridian/kit/ids.ts';
import type { Accepted } from '../codes/accept-identifier.ts';
import { digest } from '../crypto/mac.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { drawToken } from './begin-recovery.ts';
import { decoyAccount, findNamed, type Named } from './name-account.ts';
import { insertTicket } from './ticket.store.ts';
import { needsApproval, type RealNameVerdict, ticketTimes } from './ticket.ts';

export type OpenTicket = {
  readonly named: Named;
  readonly contact: Accepted;
  readonly realName: RealNameVerdict;
  readonly message: string | undefined;
  readonly network: string;
};

export const openTicket = async (
  tx: Tx<IdentitySchema>,
  deps: IdentityDeps,
  { named, contact, realName, message, network }: OpenTicket,
): Promise<{ ticketId: string; ticketToken: string; coolingUntil: Date }> => {
  const now = deps.now();
  const { recovery } = deps.region.profile;
  const ticketId = newId('rtk', deps.region.id, now);
  const ticketToken = drawToken();
  const { coolingUntil, expiresAt } = ticketTimes(recovery, now);
  const accountId = await findNamed(tx, named);
  const key = await keyOf(tx, deps, accountId ?? decoyAccount(deps.region.id, named.hash));
  const sealed = {
    contact: deps.vault.seal(key, `${ticketId} contact`, contact.value),
    message: message === undefined ? null : deps.vault.seal(key, `${ticketId} message`, message),
  };
  await insertTicket(tx, {
    id: ticketId,
    account_id: accountId ?? null,
    token_hash: digest(ticketToken),
    contact_hash: deps.codeSecrets.identifierHash(contact.kind, contact.value),
    contact_kind: contact.kind,
    // What nobody's key opens again is not kept.
    sealed_contact: accountId === undefined ? null : sealed.contact,
    sealed_message: accountId === undefined ? null : sealed.message,
    real_name: realName,
    needs_approval: needsApproval(recovery, realName),
    network,
    created_at: now,
    cooling_until: coolingUntil,
    expires_at: expiresAt,
    ended_at: null,
  });
  return { ticketId, ticketToken, coolingUntil };
};

/** Drawn where there is none: the same work either way. */
const keyOf = async (tx: Tx<IdentitySchema>, { vault }: Pick<IdentityDeps, 'vault'>, accountId: string) => {
  const row = await tx
    .selectFrom('account_key')
    .select('wrapped')
    .where('account_id', '=', accountId)
    .executeTakeFirst();
  return row === undefined ? vault.drawKey(accountId).key : vault.unwrap(accountId, row.wrapped);
};
