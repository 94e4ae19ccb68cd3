// SQL of passkeys and their challenges.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { Kysely } from 'kysely';
import type { IdentitySchema } from '../db/schema.ts';

type Transaction = Tx<IdentitySchema>;
type Reader = Kysely<IdentitySchema> | Transaction;
export const challengeMs = 300_000;

export const insertChallenge = async (
  tx: Transaction,
  challenge: { id: string; accountId: string | null; challenge: string; now: Date },
): Promise<void> => {
  await tx
    .insertInto('passkey_challenge')
    .values({
      id: challenge.id,
      account_id: challenge.accountId,
      challenge: challenge.challenge,
      expires_at: new Date(challenge.now.getTime() + challengeMs),
    })
    .execute();
};

/** Uses a challenge up: of a registration of this account, or (null) of anybody who has a passkey. */
export const takeChallenge = async (
  tx: Transaction,
  id: string,
  accountId: string | null,
  now: Date,
): Promise<string | undefined> =>
  (
    await tx
      .deleteFrom('passkey_challenge')
      .where('id', '=', id)
      .where('account_id', accountId === null ? 'is' : '=', accountId)
      .where('expires_at', '>', now)
      .returning('challenge')
      .executeTakeFirst()
  )?.challenge;

export const deleteOldChallenges = async (db: Kysely<IdentitySchema>, now: Date): Promise<void> => {
  await db.deleteFrom('passkey_challenge').where('expires_at', '<', now).execute();
};

export const passkeysOf = (db: Reader, accountId: string) =>
  db
    .selectFrom('passkey')
    .select(['id', 'credential_id', 'name', 'created_at', 'last_used_at'])
    .where('account_id', '=', accountId)
    .orderBy('created_at')
    .limit(100)
    .execute();

export const passkeyBoundAt = async (db: Reader, accountId: string, credentialId: string): Promise<Date | undefined> =>
  (
    await db
      .selectFrom('passkey')
      .select('created_at')
      .where('credential_id', '=', credentialId)
      .where('account_id', '=', accountId)
      .executeTakeFirst()
  )?.created_at;

/** The passkey with its row locked: two uses at once raise its counter one after the other. */
export const lockPasskey = (tx: Transaction, credentialId: string) =>
  tx
    .selectFrom('passkey')
    .select(['id', 'account_id as accountId', 'public_key as publicKey', 'counter'])
    .where('credential_id', '=', credentialId)
    .forUpdate()
    .executeTakeFirst();

/** False when the credential is somebody's already. */
export const insertPasskey = async (
  tx: Transaction,
  row: {
    id: string;
    accountId: string;
    credentialId: string;
    publicKey: Buffer;
    counter: number;
    name: string;
    now: Date;
  },
): Promise<boolean> => {
  const inserted = await tx
    .insertInto('passkey')
    .values({
      id: row.id,
      account_id: row.accountId,
      credential_id: row.credentialId,
      public_key: row.publicKey,
      counter: BigInt(row.counter),
      name: row.name,
      created_at: row.now,
    })
    .onConflict((conflict) => conflict.column('credential_id').doNothing())
    .returning('id')
    .executeTakeFirst();
  return inserted !== undefined;
};

export const markUsed = async (tx: Transaction, id: string, counter: number, now: Date): Promise<void> => {
  await tx
    .updateTable('passkey')
    .set({ counter: BigInt(counter), last_used_at: now })
    .where('id', '=', id)
    .execute();
};

export const deletePasskey = async (tx: Transaction, accountId: string, id: string): Promise<boolean> =>
  (await tx.deleteFrom('passkey').where('id', '=', id).where('account_id', '=', accountId).executeTakeFirst())
    .numDeletedRows === 1n;
