// SQL of accounts.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { Kysely } from 'kysely';
import type { AccountStatus, IdentitySchema } from '../db/schema.ts';

type Transaction = Tx<IdentitySchema>;

export const insertAccount = async (
  tx: Transaction,
  account: { id: string; wrappedKey: Buffer; termsVersion: string; createdAt: Date },
): Promise<void> => {
  await tx.insertInto('account').values({ id: account.id, status: 'active', created_at: account.createdAt }).execute();
  await tx.insertInto('account_key').values({ account_id: account.id, wrapped: account.wrappedKey }).execute();
  await insertConsent(tx, { accountId: account.id, termsVersion: account.termsVersion, at: account.createdAt });
};

/** The first acceptance of a version counts. */
export const insertConsent = async (
  tx: Transaction,
  consent: { accountId: string; termsVersion: string; at: Date },
): Promise<void> => {
  await tx
    .insertInto('consent')
    .values({ account_id: consent.accountId, terms_version: consent.termsVersion, accepted_at: consent.at })
    .onConflict((conflict) => conflict.columns(['account_id', 'terms_version']).doNothing())
    .execute();
};

export const hasAgreed = async (tx: Transaction, accountId: string, termsVersion: string): Promise<boolean> =>
  (await tx
    .selectFrom('consent')
    .select('accepted_at')
    .where('account_id', '=', accountId)
    .where('terms_version', '=', termsVersion)
    .executeTakeFirst()) !== undefined;

export const findAccount = (db: Kysely<IdentitySchema> | Transaction, accountId: string) =>
  db
    .selectFrom('account')
    .innerJoin('account_key', 'account_key.account_id', 'account.id')
    .select([
      'id',
      'status',
      'created_at',
      'restricted_until',
      'phone_detached_at',
      'display_name',
      'language',
      'wrapped',
    ])
    .where('id', '=', accountId)
    .executeTakeFirst();

/** The status, with the row locked: `share` holds off a cancellation, `update` is the cancellation itself. */
export const lockStatus = async (
  tx: Transaction,
  accountId: string,
  strength: 'share' | 'update',
): Promise<AccountStatus | undefined> => {
  const query = tx.selectFrom('account').select('status').where('id', '=', accountId);
  const row = await (strength === 'share' ? query.forShare() : query.forUpdate()).executeTakeFirst();
  return row?.status;
};

/** The account got an address again. */
export const endDetachment = async (tx: Transaction, accountId: string): Promise<void> => {
  await tx
    .updateTable('account')
    .set({ phone_detached_at: null })
    .where('id', '=', accountId)
    .where('phone_detached_at', 'is not', null)
    .execute();
};

export const setStatus = async (tx: Transaction, accountId: string, status: AccountStatus): Promise<void> => {
  await tx.updateTable('account').set({ status }).where('id', '=', accountId).execute();
};
