// SQL of addresses that a provider named at registration.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { Kysely } from 'kysely';
import type { IdentitySchema } from '../db/schema.ts';

type Transaction = Tx<IdentitySchema>;

export const insertOffer = async (
  tx: Transaction,
  offer: { accountId: string; loginId: string; sealed: Buffer; proven: boolean; expiresAt: Date },
): Promise<void> => {
  await tx
    .insertInto('offered_email')
    .values({
      account_id: offer.accountId,
      login_id: offer.loginId,
      sealed: offer.sealed,
      proven: offer.proven,
      expires_at: offer.expiresAt,
    })
    .execute();
};

export const findOffer = (db: Kysely<IdentitySchema> | Transaction, accountId: string, now: Date) =>
  db
    .selectFrom('offered_email')
    .select(['sealed', 'proven', 'expires_at as expiresAt'])
    .where('account_id', '=', accountId)
    .where('expires_at', '>', now)
    .executeTakeFirst();

export const deleteOfferOfLogin = async (tx: Transaction, loginId: string): Promise<void> => {
  await tx.deleteFrom('offered_email').where('login_id', '=', loginId).execute();
};
