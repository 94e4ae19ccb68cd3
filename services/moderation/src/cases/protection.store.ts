import type { Tx } from '@meridian/kit/db/database.ts';
import { type Kysely, type Selectable, sql } from 'kysely';
import type { Schema } from '../db/schema.ts';

export type Protection = Selectable<Schema['protection']>;

/** The protection not yet lifted; its end time may have passed, so compare it with the clock. */
export const findUnlifted = (db: Tx<Schema> | Kysely<Schema>, accountId: string): Promise<Protection | undefined> =>
  db
    .selectFrom('protection')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('lifted_at', 'is', null)
    .executeTakeFirst();

export const findProtectionOfCase = (
  db: Tx<Schema> | Kysely<Schema>,
  caseId: string,
): Promise<Protection | undefined> =>
  db.selectFrom('protection').selectAll().where('case_id', '=', caseId).executeTakeFirst();

/** Lifts once: undefined when it was lifted already. */
export const liftProtection = (
  tx: Tx<Schema>,
  id: string,
  reason: NonNullable<Protection['lift_reason']>,
  now: Date,
): Promise<Protection | undefined> =>
  tx
    .updateTable('protection')
    .set({ lifted_at: now, lift_reason: reason })
    .where('id', '=', id)
    .where('lifted_at', 'is', null)
    .returningAll()
    .executeTakeFirst();

/** Accounts whose protection has reached its end, oldest first. Fenced accounts are left to their erasure. */
export const findEnded = async (db: Kysely<Schema>, now: Date, limit: number): Promise<string[]> => {
  const rows = await db
    .selectFrom('protection')
    .select('account_id')
    .where('lifted_at', 'is', null)
    .where('until_at', '<=', now)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('account_fence')
            .select(sql.lit(1).as('one'))
            .whereRef('account_fence.account_id', '=', 'protection.account_id'),
        ),
      ),
    )
    .orderBy('until_at')
    .limit(limit)
    .execute();
  return rows.map(({ account_id }) => account_id);
};
