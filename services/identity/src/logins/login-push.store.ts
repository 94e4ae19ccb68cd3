// SQL of what providers told, and of deletions that were asked for at one.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { FederatedLogin } from '@meridian/regions/profile.ts';
import type { Kysely } from 'kysely';
import type { IdentitySchema } from '../db/schema.ts';

type Transaction = Tx<IdentitySchema>;
/** Longer than any provider repeats a push, and than its signature is believed. */
const pushKeptMs = 30 * 24 * 3_600_000;
/** A person may look at the page of a deletion for this long. */
const deletionKeptMs = 400 * 24 * 3_600_000;

/** False when it came before. */
export const recordPush = async (tx: Transaction, pushHash: string, now: Date): Promise<boolean> => {
  const row = await tx
    .insertInto('login_push')
    .values({ push_hash: pushHash, received_at: now })
    .onConflict((conflict) => conflict.column('push_hash').doNothing())
    .returning('push_hash')
    .executeTakeFirst();
  return row !== undefined;
};

export const insertDeletion = async (
  tx: Transaction,
  deletion: {
    confirmationHash: string;
    provider: FederatedLogin;
    requestedAt: Date;
    accountId: string | null;
    endsAt: Date | null;
  },
): Promise<void> => {
  await tx
    .insertInto('login_deletion')
    .values({
      confirmation_hash: deletion.confirmationHash,
      provider: deletion.provider,
      requested_at: deletion.requestedAt,
      account_id: deletion.accountId,
      ends_at: deletion.endsAt,
      saga_id: null,
    })
    .execute();
};

/** The login is gone, and with it what was asked for. */
export const closeDeletions = async (tx: Transaction, accountId: string, provider: FederatedLogin): Promise<void> => {
  await tx
    .updateTable('login_deletion')
    .set({ account_id: null, ends_at: null })
    .where('account_id', '=', accountId)
    .where('provider', '=', provider)
    .execute();
};

/** The account itself is being cancelled: the page follows the saga from now on. */
export const followSaga = async (tx: Transaction, accountId: string, sagaId: string): Promise<void> => {
  await tx
    .updateTable('login_deletion')
    .set({ saga_id: sagaId, ends_at: null })
    .where('account_id', '=', accountId)
    .execute();
};

export const findDeletion = (db: Kysely<IdentitySchema>, confirmationHash: string) =>
  db
    .selectFrom('login_deletion')
    .leftJoin('cancellation', 'cancellation.saga_id', 'login_deletion.saga_id')
    .select([
      'login_deletion.requested_at as requestedAt',
      'ends_at as endsAt',
      'login_deletion.saga_id as sagaId',
      'cancellation.status',
    ])
    .where('login_deletion.confirmation_hash', '=', confirmationHash)
    .executeTakeFirst();

export const deleteOldPushes = async (db: Kysely<IdentitySchema>, now: Date): Promise<void> => {
  const before = (ms: number) => new Date(now.getTime() - ms);
  await db.deleteFrom('login_push').where('received_at', '<', before(pushKeptMs)).execute();
  await db.deleteFrom('login_deletion').where('requested_at', '<', before(deletionKeptMs)).execute();
};

export const hasOpenDeletion = async (tx: Transaction, accountId: string): Promise<boolean> =>
  (await tx
    .selectFrom('login_deletion')
    .select('confirmation_hash')
    .where('account_id', '=', accountId)
    .where('ends_at', 'is not', null)
    .executeTakeFirst()) !== undefined;

/** The account is being erased for another reason: there is nothing left to wait for. */
export const forgetDeletionDates = async (tx: Transaction, accountId: string): Promise<void> => {
  await tx
    .updateTable('login_deletion')
    .set({ ends_at: null, account_id: null })
    .where('account_id', '=', accountId)
    .execute();
};
