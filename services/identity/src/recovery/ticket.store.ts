// SQL of recovery tickets.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { Insertable, Kysely, Selectable } from 'kysely';
import type { IdentitySchema } from '../db/schema.ts';
import type { Place } from '../page-cursor.ts';
import type { RecoveryTicketTable } from './recovery.schema.ts';
import type { TicketLife, TicketState } from './ticket.ts';

type Transaction = Tx<IdentitySchema>;
export type Ticket = Selectable<RecoveryTicketTable>;

export const lifeOf = (ticket: Ticket): TicketLife => ({
  state: ticket.state,
  needsApproval: ticket.needs_approval,
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
    .set({ state, ended_at: state === 'approved' ? null : now })
    .where('id', '=', id)
    .execute();
};

const stopping = (tx: Transaction, now: Date) =>
  tx
    .updateTable('recovery_ticket')
    .set({ state: 'stopped', ended_at: now })
    .where('state', 'in', ['open', 'approved'])
    .where('expires_at', '>', now);

/** The account whose ticket the code stopped; undefined when there is none to stop. */
export const stopTicketByCode = async (tx: Transaction, stopHash: string, now: Date): Promise<string | undefined> =>
  (await stopping(tx, now).where('stop_hash', '=', stopHash).returning('account_id').executeTakeFirst())?.account_id ??
  undefined;

export const stopTicketsOf = async (tx: Transaction, accountId: string, now: Date): Promise<number> =>
  Number((await stopping(tx, now).where('account_id', '=', accountId).executeTakeFirst()).numUpdatedRows);

export const listTickets = (
  db: Kysely<IdentitySchema>,
  { accountId, after, limit }: { accountId: string | undefined; after: Place | undefined; limit: number },
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
