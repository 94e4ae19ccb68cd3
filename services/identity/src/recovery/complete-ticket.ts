// Use case: a ticket that is ready is completed by whoever proves its contact. From then on that contact is the only way in.
import { accountCancelled } from '@meridian/contracts/common.ts';
import { codeInvalid } from '@meridian/contracts/identity.ts';
import { recoveryInvalid, recoveryNotReady } from '@meridian/contracts/identity-recovery.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { lockStatus } from '../account/account.store.ts';
import { acceptedAnew } from '../account/terms.ts';
import type { Accepted } from '../codes/accept-identifier.ts';
import { consumeCode } from '../codes/code.store.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { loginsOf } from '../logins/linked-login.store.ts';
import { removeLogin } from '../logins/remove-login.ts';
import { type Caller, type StartedSession, startSession } from '../sessions/start-session.ts';
import { takeOver } from './take-over.ts';
import { findTicket, lifeOf, lockTicket, setTicketState, type Ticket } from './ticket.store.ts';
import { outsideStatus } from './ticket.ts';

/** The ticket, if it can be completed now. What is refused here says no more than the ticket's status does. */
export const readyTicket = (ticket: Ticket | undefined, now: Date): Ticket & { readonly account_id: string } => {
  if (ticket === undefined) return fail(recoveryInvalid);
  const status = outsideStatus(lifeOf(ticket), now);
  if (status === 'completed' || status === 'refused') return fail(recoveryInvalid);
  const { account_id: accountId } = ticket;
  if (status !== 'ready' || accountId === null)
    return fail(recoveryNotReady, {
      detail:
        status === 'cooling_off'
          ? `Come back after ${ticket.cooling_until.toISOString()}`
          : 'The ticket has to be decided first',
    });
  return { ...ticket, account_id: accountId };
};

/** Factors and logins elsewhere may be in the hands of whoever the account is being taken back from. */
const dropFactors = async (tx: Tx<IdentitySchema>, deps: IdentityDeps, accountId: string): Promise<void> => {
  for (const login of await loginsOf(tx, accountId)) await removeLogin(tx, deps, login);
  for (const table of ['password', 'totp', 'recovery_code', 'passkey', 'known_device'] as const)
    await tx.deleteFrom(table).where('account_id', '=', accountId).execute();
};

export const completeTicket = async (
  tx: Tx<IdentitySchema>,
  deps: IdentityDeps,
  command: {
    tokenHash: string;
    contact: Accepted;
    codeId: string;
    passwordHash: string | undefined;
    termsVersion: string | undefined;
    caller: Caller;
  },
): Promise<StartedSession> => {
  const { tokenHash, contact, codeId, passwordHash, termsVersion, caller } = command;
  const now = deps.now();
  const { id, account_id: accountId } = readyTicket(await findTicket(tx, tokenHash), now);
  if ((await lockStatus(tx, accountId, 'update')) !== 'active') return fail(accountCancelled);
  readyTicket(await lockTicket(tx, id), now);
  if (!(await consumeCode(tx, codeId, 'bind', now))) return fail(codeInvalid);
  await setTicketState(tx, id, 'completed', now);
  await dropFactors(tx, deps, accountId);
  const { network } = caller;
  await takeOver(tx, deps, {
    accountId,
    method: 'ticket',
    network,
    contact,
    replaceContacts: true,
    passwordHash,
  });
  const acceptedTerms = await acceptedAnew(tx, deps, accountId, termsVersion);
  return startSession(tx, deps, { accountId, method: 'recovery_ticket', acceptedTerms, caller });
};
