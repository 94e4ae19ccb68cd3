// Use case: ask for an account with nothing left to prove it by. Everything is the same for a name that no account has, but nobody is told.
import { randomInt } from 'node:crypto';
import type { Tx } from '@meridian/kit/db/database.ts';
import { newId } from '@meridian/kit/ids.ts';
import type { Accepted } from '../codes/accept-identifier.ts';
import { digest } from '../crypto/mac.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { tellOwner } from '../notices/tell-owner.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { drawToken } from './begin-recovery.ts';
import { findNamed, type Named } from './name-account.ts';
import { standingOf } from './standing.ts';
import { insertTicket } from './ticket.store.ts';
import { needsApproval, type RealNameVerdict, ticketTimes } from './ticket.ts';

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const four = () => Array.from({ length: 4 }, () => alphabet[randomInt(32)]).join('');
/** 80 random bits, short enough to be typed from a text message. */
const drawStopCode = () => [four(), four(), four(), four()].join('-');

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
  const stopCode = drawStopCode();
  const { coolingUntil, expiresAt } = ticketTimes(recovery, now);
  const accountId = await findNamed(tx, named);
  const key = accountId === undefined ? undefined : await keyOf(tx, deps, accountId);
  const heard = accountId !== undefined && (await tell(tx, deps, { accountId, stopCode, network }));
  await insertTicket(tx, {
    id: ticketId,
    account_id: accountId ?? null,
    token_hash: digest(ticketToken),
    stop_hash: key ? digest(stopCode) : null,
    contact_hash: deps.codeSecrets.identifierHash(contact.kind, contact.value),
    contact_kind: contact.kind,
    sealed_contact: key ? deps.vault.seal(key, `${ticketId} contact`, contact.value) : null,
    sealed_message: key && message !== undefined ? deps.vault.seal(key, `${ticketId} message`, message) : null,
    real_name: realName,
    needs_approval: !heard || needsApproval(recovery, realName),
    created_at: now,
    cooling_until: coolingUntil,
    expires_at: expiresAt,
    ended_at: null,
  });
  return { ticketId, ticketToken, coolingUntil };
};

/** Whether the owner can be expected to hear of it: not without an address, nor by a number that may have a new holder. */
const tell = async (
  tx: Tx<IdentitySchema>,
  deps: IdentityDeps,
  { accountId, stopCode, network }: { accountId: string; stopCode: string; network: string },
): Promise<boolean> => {
  const told = await tellOwner(tx, deps, { accountId, kind: 'recovery_started', extra: stopCode });
  await appendSecurityLog(tx, { at: deps.now(), kind: 'recovery_started', accountId, network, method: 'ticket' });
  return told > 0 && !(await standingOf(tx, deps, { accountId, provenContacts: [] })).doubtful;
};

const keyOf = async (tx: Tx<IdentitySchema>, { vault }: Pick<IdentityDeps, 'vault'>, accountId: string) => {
  const { wrapped } = await tx
    .selectFrom('account_key')
    .select('wrapped')
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow();
  return vault.unwrap(accountId, wrapped);
};
