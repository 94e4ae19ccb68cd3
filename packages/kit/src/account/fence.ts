// The fence of a cancelled account: one row that every writing use case of the account checks in its own transaction.
import { accountCancelled } from '@meridian/contracts/common.ts';
import { sql } from 'kysely';
import type { Tx } from '../db/database.ts';
import type { KitSchema } from '../db/schema.ts';

/** The shape of a refusal (http/problems.ts): the HTTP layer answers it as the declared problem. */
export class AccountCancelledError extends Error {
  override name = 'AccountCancelledError';
  code = accountCancelled.code;
  definition = accountCancelled;
  members = {};
}

// The key of account_fenced_at() in kit's migrations: exclusive here, shared there.
const lock = (accountId: string) => sql`select pg_advisory_xact_lock(hashtextextended(${accountId}, 20261122))`;

/**
 * Fences the account and returns when that happened first. Waits for every transaction that has passed `assertNotFenced`, so once this
 * transaction has committed no write of the account is under way and none will start. First statement of its transaction.
 */
export const fenceAccount = async <S extends KitSchema>(
  tx: Tx<S>,
  { accountId, sagaId, now }: { accountId: string; sagaId: string; now: Date },
): Promise<{ fencedAt: Date }> => {
  await lock(accountId).execute(tx);
  const { rows } = await sql<{ fenced_at: Date }>`
    with made as (
      insert into account_fence (account_id, saga_id, fenced_at) values (${accountId}, ${sagaId}, ${now}) on conflict do nothing returning fenced_at
    )
    select fenced_at from made union all select fenced_at from account_fence where account_id = ${accountId}`.execute(
    tx,
  );
  const fencedAt = rows[0]?.fenced_at;
  if (!fencedAt) throw new Error('the fence is not visible: fence under read committed, as the first statement');
  return { fencedAt };
};

/**
 * Throws 403 `account_cancelled` for a fenced account; otherwise holds off a fence until this transaction ends. One round trip. Every
 * writing use case of an account calls it first. Only under read committed (SQLSTATE MF001 otherwise).
 */
export const assertNotFenced = async <S extends KitSchema>(tx: Tx<S>, accountId: string): Promise<void> => {
  const { rows } = await sql<{ at: Date | null }>`select account_fenced_at(${accountId}) as at`.execute(tx);
  if (rows[0]?.at !== null) throw new AccountCancelledError('The account is cancelled');
};
