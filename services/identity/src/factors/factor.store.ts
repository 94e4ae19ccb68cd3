// SQL of passwords, authenticator apps, recovery codes and sign-ins that wait for their second factor.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { Kysely } from 'kysely';
import type { IdentitySchema } from '../db/schema.ts';

type Transaction = Tx<IdentitySchema>;
type Reader = Kysely<IdentitySchema> | Transaction;

export const passwordOf = async (db: Reader, blindIndex: string) =>
  db
    .selectFrom('contact')
    .innerJoin('password', 'password.account_id', 'contact.account_id')
    .select(['password.account_id as accountId', 'password.hash'])
    .where('contact.blind_index', '=', blindIndex)
    .executeTakeFirst();

export const putPassword = async (tx: Transaction, accountId: string, hash: string, now: Date): Promise<void> => {
  await tx
    .insertInto('password')
    .values({ account_id: accountId, hash, set_at: now })
    .onConflict((conflict) => conflict.column('account_id').doUpdateSet({ hash, set_at: now }))
    .execute();
};

export const deletePassword = async (tx: Transaction, accountId: string): Promise<boolean> =>
  (await tx.deleteFrom('password').where('account_id', '=', accountId).executeTakeFirst()).numDeletedRows === 1n;

export const totpOf = (db: Reader, accountId: string) =>
  db
    .selectFrom('totp')
    .innerJoin('account_key', 'account_key.account_id', 'totp.account_id')
    .select(['sealed', 'pending_sealed as pending', 'last_step as lastStep', 'wrapped'])
    .where('totp.account_id', '=', accountId)
    .executeTakeFirst();

export const totpBoundAt = async (db: Reader, accountId: string): Promise<Date | null | undefined> =>
  (await db.selectFrom('totp').select('confirmed_at').where('account_id', '=', accountId).executeTakeFirst())
    ?.confirmed_at;

/** What a sign-in must be completed with; empty where no second factor is on. */
export const secondFactorsOf = async (
  db: Reader,
  accountId: string,
): Promise<('totp' | 'passkey' | 'recovery_code')[]> => {
  const totp = await db
    .selectFrom('totp')
    .select('account_id')
    .where('account_id', '=', accountId)
    .where('sealed', 'is not', null)
    .executeTakeFirst();
  const passkey = await db
    .selectFrom('passkey')
    .select('id')
    .where('account_id', '=', accountId)
    .limit(1)
    .executeTakeFirst();
  if (totp === undefined && passkey === undefined) return [];
  return [...(totp ? (['totp'] as const) : []), ...(passkey ? (['passkey'] as const) : []), 'recovery_code'];
};

export const putPendingTotp = async (tx: Transaction, accountId: string, sealed: Buffer): Promise<void> => {
  await tx
    .insertInto('totp')
    .values({ account_id: accountId, pending_sealed: sealed })
    .onConflict((conflict) => conflict.column('account_id').doUpdateSet({ pending_sealed: sealed }))
    .execute();
};

export const activateTotp = async (
  tx: Transaction,
  accountId: string,
  sealed: Buffer,
  step: number,
  now: Date,
): Promise<void> => {
  await tx
    .updateTable('totp')
    .set({ sealed, pending_sealed: null, confirmed_at: now, last_step: BigInt(step) })
    .where('account_id', '=', accountId)
    .execute();
};

/** Books the step a code was of; false when another request used it, or a later one, meanwhile. */
export const useStep = async (tx: Transaction, accountId: string, step: number): Promise<boolean> =>
  (
    await tx
      .updateTable('totp')
      .set({ last_step: BigInt(step) })
      .where('account_id', '=', accountId)
      .where('last_step', '<', BigInt(step))
      .executeTakeFirst()
  ).numUpdatedRows === 1n;

/** False where none is on: a set-up that was never confirmed is none, and proves nothing. */
export const deleteTotp = async (tx: Transaction, accountId: string): Promise<boolean> =>
  (await tx.deleteFrom('totp').where('account_id', '=', accountId).where('sealed', 'is not', null).executeTakeFirst())
    .numDeletedRows === 1n;

export const replaceRecoveryCodes = async (
  tx: Transaction,
  accountId: string,
  hashes: readonly string[],
  now: Date,
): Promise<void> => {
  await tx.deleteFrom('recovery_code').where('account_id', '=', accountId).execute();
  await tx
    .insertInto('recovery_code')
    .values(hashes.map((code_hash) => ({ account_id: accountId, code_hash, drawn_at: now })))
    .execute();
};

/** All of an account's are drawn at once. */
export const recoveryCodesDrawnAt = async (db: Reader, accountId: string): Promise<Date | undefined> =>
  (await db.selectFrom('recovery_code').select('drawn_at').where('account_id', '=', accountId).executeTakeFirst())
    ?.drawn_at;

/** Recovery codes stand in for a second factor: with the last of those they go, and prove nothing any more. */
export const dropIdleRecoveryCodes = async (tx: Transaction, accountId: string): Promise<void> => {
  if ((await secondFactorsOf(tx, accountId)).length === 0)
    await tx.deleteFrom('recovery_code').where('account_id', '=', accountId).execute();
};

export const useRecoveryCode = async (tx: Transaction, accountId: string, hash: string, now: Date): Promise<boolean> =>
  (
    await tx
      .updateTable('recovery_code')
      .set({ used_at: now })
      .where('account_id', '=', accountId)
      .where('code_hash', '=', hash)
      .where('used_at', 'is', null)
      .executeTakeFirst()
  ).numUpdatedRows === 1n;

export const insertPendingSignIn = async (
  tx: Transaction,
  pending: {
    challengeHash: string;
    accountId: string;
    method: string;
    acceptedTerms: string | undefined;
    expiresAt: Date;
    /** Of a sign-in that waits for a second proof: the contact whose code began it. */
    contactId?: string;
  },
): Promise<void> => {
  await tx
    .insertInto('pending_sign_in')
    .values({
      challenge_hash: pending.challengeHash,
      account_id: pending.accountId,
      method: pending.method,
      accepted_terms: pending.acceptedTerms ?? null,
      expires_at: pending.expiresAt,
      needs: pending.contactId === undefined ? 'second_factor' : 'second_proof',
      contact_id: pending.contactId ?? null,
    })
    .execute();
};

/** Counts one try of a pending sign-in in the statement that finds it. */
export const raisePendingTries = (
  tx: Transaction,
  challengeHash: string,
  now: Date,
  needs: 'second_factor' | 'second_proof' = 'second_factor',
) =>
  tx
    .updateTable('pending_sign_in')
    .set((e) => ({ attempts: e('attempts', '+', 1) }))
    .where('challenge_hash', '=', challengeHash)
    .where('expires_at', '>', now)
    .where('attempts', '<', 5)
    .where('needs', '=', needs)
    .returning(['account_id as accountId', 'contact_id as contactId'])
    .executeTakeFirst();

/** Uses it up, and returns what it was begun with; undefined when another request did. */
export const takePendingSignIn = async (
  tx: Transaction,
  challengeHash: string,
): Promise<{ readonly method: string; readonly acceptedTerms: string | undefined } | undefined> => {
  const taken = await tx
    .deleteFrom('pending_sign_in')
    .where('challenge_hash', '=', challengeHash)
    .returning(['method', 'accepted_terms'])
    .executeTakeFirst();
  return taken && { method: taken.method, acceptedTerms: taken.accepted_terms ?? undefined };
};

export const deletePendingOf = async (tx: Transaction, accountId: string): Promise<void> => {
  await tx.deleteFrom('pending_sign_in').where('account_id', '=', accountId).execute();
};

export const deleteOldPending = async (db: Kysely<IdentitySchema>, now: Date): Promise<void> => {
  await db.deleteFrom('pending_sign_in').where('expires_at', '<', now).execute();
};
