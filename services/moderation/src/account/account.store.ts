import type { Tx } from '@meridian/kit/db/database.ts';
import type { Schema } from '../db/schema.ts';

/** Locks the account, so that its scores, protections and decisions happen one after the other. After the fence, before any other row. */
export const lockAccount = async (tx: Tx<Schema>, accountId: string): Promise<void> => {
  await tx
    .insertInto('moderated_account')
    .values({ account_id: accountId })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  await tx
    .selectFrom('moderated_account')
    .select('account_id')
    .where('account_id', '=', accountId)
    .forUpdate()
    .executeTakeFirstOrThrow();
};
