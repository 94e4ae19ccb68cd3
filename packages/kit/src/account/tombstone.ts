// The tombstone of an erased account: id, saga and counts, nothing personal. It stops late and replayed events.
import { sql } from 'kysely';
import type { Tx } from '../db/database.ts';
import type { ErasureReceipt, KitSchema } from '../db/schema.ts';

export type Tombstone = { accountId: string; sagaId: string; erasedAt: Date; receipt: ErasureReceipt };

export const findTombstone = async <S extends KitSchema>(
  tx: Tx<S>,
  accountId: string,
): Promise<Tombstone | undefined> => {
  const { rows } = await sql<Tombstone>`
    select account_id as "accountId", saga_id as "sagaId", erased_at as "erasedAt", receipt
    from account_tombstone where account_id = ${accountId}`.execute(tx);
  return rows[0];
};

/** False for an erased account; otherwise holds off its erasure until this transaction ends. Only under read committed, like the fence. */
export const holdUnerased = async <S extends KitSchema>(tx: Tx<S>, accountId: string): Promise<boolean> => {
  const { rows } = await sql<{ erased: boolean }>`select account_erased(${accountId}) as erased`.execute(tx);
  return rows[0]?.erased === false;
};

export const writeTombstone = async <S extends KitSchema>(tx: Tx<S>, tombstone: Tombstone): Promise<void> => {
  await sql`insert into account_tombstone (account_id, saga_id, erased_at, receipt)
    values (${tombstone.accountId}, ${tombstone.sagaId}, ${tombstone.erasedAt}, ${JSON.stringify(tombstone.receipt)}::jsonb)`.execute(
    tx,
  );
};
