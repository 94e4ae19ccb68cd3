// SQL of recovery tickets.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { TimePlace } from '@meridian/kit/http/page.ts';
import type { Insertable, Kysely, Selectable } from 'kysely';
import type { IdentitySchema } from '../db/schema.ts';
import type { RecoveryTicketTable } from './recovery.schema.ts';
import { isLiving, livingStates, type TicketLife, type TicketState, tellWithinMs } from './ticket.ts';

type Transaction = Tx<IdentitySchema>;
export type Ticket = Selectable<RecoveryTicketTable>;

export const lifeOf = (ticket: Ticket): TicketLife => ({
  state: ticket.state,
  // Who was not told of it in time could not stop it.
  needsApproval: ticket.needs_approval || ticket.heard_at === null,
  coolingUntil: ticket.cooling_until,
  expiresAt: ticket.expires_at,
});

export const insertTicket = async (tx: Transaction, row: Insertable<RecoveryTicketTable>): Promise<void> => {
  await tx.insertInto('recovery_ticket').values(row).execute();
};

export const findTicket = (db: Kysely<IdentitySchema> | Transaction, tokenHash: string): Promise<Ticket | undefined> =>
  db.selectFrom('recovery_ticket').selectAll().where('token_hash', '=', tokenHash).executeTakeFirst();

/** By its id, of an account that exists, with its row locked. */
export const lockTicket = (tx: Transaction, id: string): Promise<Ticket | undefined> =>
  tx
    .selectFrom('recovery_ticket')
    .selectAll()
    .where('id', '=', id)
    .where('account_id', 'is not', null)
    .forUpdate()
    .executeTakeFirst();

export const setTicketState = async (tx: Transaction, id: string, state: TicketState, now: Date): Promise<void> => {
  await tx
    .updateTable('recovery_ticket')
    .set({ state, ended_at: isLiving(state) ? null : now })
    .where('id', '=', id)
    .execute();
};

/** Tickets whose owners are still to be told, oldest first. Whoever staff were quicker to approve is told all the same. */
export const untoldTickets = (db: Kysely<IdentitySchema>, limit: number) =>
  db
    .selectFrom('recovery_ticket')
    .select(['id', 'account_id as accountId'])
    .where('account_id', 'is not', null)
    .where('stop_hash', 'is', null)
    .where('state', 'in', livingStates)
    .orderBy('created_at')
    .limit(limit)
    .$narrowType<{ accountId: string }>()
    .execute();

export const markTold = async (
  tx: Transaction,
  id: string,
  { stopHash, needsApproval }: { stopHash: string; needsApproval: boolean },
): Promise<void> => {
  await tx
    .updateTable('recovery_ticket')
    .set({ stop_hash: stopHash, needs_approval: needsApproval })
    .where('id', '=', id)
    .execute();
};

/** A provider took the notice with the code of that hash. The first one counts, and only while most of the cooling-off is still ahead. */
export const markHeard = async (tx: Transaction, stopHash: string, now: Date): Promise<void> => {
  await tx
    .updateTable('recovery_ticket')
    .set({ heard_at: now })
    .where('stop_hash', '=', stopHash)
    .where('heard_at', 'is', null)
    .where('created_at', '>', new Date(now.getTime() - tellWithinMs))
    .execute();
};

const stopping = (tx: Transaction, now: Date) =>
  tx
    .updateTable('recovery_ticket')
    .set({ state: 'stopped', ended_at: now })
    .where('state', 'in', livingStates)
    .where('expires_at', '>', now);

/** The account whose ticket the code stopped; undefined when there is none to stop. */
export const stopTicketByCode = async (tx: Transaction, stopHash: string, now: Date): Promise<string | undefined> =>
  (await stopping(tx, now).where('stop_hash', '=', stopHash).returning('account_id').executeTakeFirst())?.account_id ??
  undefined;

export const stopTicketsOf = async (tx: Transaction, accountId: string, now: Date): Promise<number> =>
  Number((await stopping(tx, now).where('account_id', '=', accountId).executeTakeFirst()).numUpdatedRows);

export const listTickets = (
  db: Kysely<IdentitySchema>,
  { accountId, after, limit }: { accountId: string | undefined; after: TimePlace | undefined; limit: number },
): Promise<(Ticket & { wrapped: Buffer })[]> =>
  db
    .selectFrom('recovery_ticket')
    .innerJoin('account_key', 'account_key.account_id', 'recovery_ticket.account_id')
    .selectAll('recovery_ticket')
    .select('account_key.wrapped')
    .$if(accountId !== undefined, (query) => query.where('recovery_ticket.account_id', '=', accountId ?? ''))
    .$if(after !== undefined, (query) =>
      query.where((e) =>
        e.or([
          e('created_at', '<', after?.at ?? new Date(0)),
          e.and([e('created_at', '=', after?.at ?? new Date(0)), e('id', '<', after?.id ?? '')]),
        ]),
      ),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute() as Promise<(Ticket & { wrapped: Buffer })[]>;

/** Thirty days after its end; whatever had an effect is in the security log and in the audit. */
export const deleteOldTickets = async (db: Kysely<IdentitySchema>, now: Date): Promise<void> => {
  await db
    .deleteFrom('recovery_ticket')
    .where('expires_at', '<', new Date(now.getTime() - 30 * 86_400_000))
    .execute();
};
