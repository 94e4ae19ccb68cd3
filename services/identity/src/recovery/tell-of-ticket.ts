// The job that tells owners of tickets. It runs after the answer, which takes the same time whether or not there is somebody to tell.
import { randomInt } from 'node:crypto';
import type { Tx } from '@meridian/kit/db/database.ts';
import { errorCode } from '@meridian/kit/error-code.ts';
import { lockStatus } from '../account/account.store.ts';
import { bookAnyway } from '../codes/limit.store.ts';
import { totalRule } from '../codes/send-code.ts';
import { digest } from '../crypto/mac.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { tellOwner } from '../notices/tell-owner.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { standingOf } from './standing.ts';
import { lockTicket, markTold, untoldTickets } from './ticket.store.ts';
import { isLiving } from './ticket.ts';

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const four = () => Array.from({ length: 4 }, () => alphabet[randomInt(32)]).join('');
/** 80 random bits, short enough to be typed from a text message. */
const drawStopCode = () => [four(), four(), four(), four()].join('-');

/** Of one run; what is left is told at the next. */
const batch = 20;

/** Once: whoever comes second finds the code's hash. Account before ticket, as everywhere. Answers how many SMS it comes to. */
const tellOfTicket = async (
  tx: Tx<IdentitySchema>,
  deps: IdentityDeps,
  { id, accountId }: { id: string; accountId: string },
): Promise<number> => {
  await lockStatus(tx, accountId, 'share');
  const ticket = await lockTicket(tx, id);
  if (ticket === undefined || !isLiving(ticket.state) || ticket.stop_hash !== null) return 0;
  const stopCode = drawStopCode();
  const { told, bySms } = await tellOwner(tx, deps, { accountId, kind: 'recovery_started', extra: stopCode });
  const log = { at: ticket.created_at, accountId, network: ticket.network, method: 'ticket' };
  await appendSecurityLog(tx, { ...log, kind: 'recovery_started' });
  // The owner is not expected to hear of it without an address, nor by a number that may have a new holder.
  const heard = told > 0 && !(await standingOf(tx, deps, { accountId, provenContacts: [] })).doubtful;
  await markTold(tx, id, { stopHash: digest(stopCode), needsApproval: ticket.needs_approval || !heard });
  return bySms;
};

/** The first was counted when the ticket was opened, whoever it named; the others leave as well, whatever room there is. */
const bookFurther = async ({ db, now, sendLimits }: IdentityDeps, bySms: number): Promise<void> => {
  const further = Array.from({ length: bySms - 1 }, () => totalRule(sendLimits));
  await db.transaction((tx) => bookAnyway(tx, further, now()));
};

export const tellOfTickets = async (deps: IdentityDeps): Promise<void> => {
  const { db, log } = deps;
  for (const ticket of await untoldTickets(db.read, batch))
    await db
      .transaction((tx) => tellOfTicket(tx, deps, ticket))
      .then(async (bySms) => {
        if (bySms > 1) await bookFurther(deps, bySms);
      })
      .catch((error: unknown) =>
        // Until it works out the ticket opens nothing without staff.
        log.error(
          { ticket: ticket.id, code: errorCode(error), err: error },
          'the owner could not be told of a ticket, or the messages not be counted',
        ),
      );
};
