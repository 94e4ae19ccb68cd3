// SQL of one-time codes.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { Kysely } from 'kysely';
import type { IdentitySchema } from '../db/schema.ts';
import { type CodePurpose, maxTries, type Raised } from './code.ts';

type Transaction = Tx<IdentitySchema>;
type NewCode = {
  readonly id: string;
  readonly purpose: CodePurpose;
  readonly identifierHash: string;
  readonly codeHash: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  /** Only this account may use it. */
  readonly accountId?: string | undefined;
};

/** Kills the code this one replaces. The caller holds the lock of the identifier. */
export const replaceCode = async (tx: Transaction, code: NewCode): Promise<void> => {
  await tx
    .updateTable('code')
    .set({ killed_at: code.createdAt })
    .where('identifier_hash', '=', code.identifierHash)
    .where('purpose', '=', code.purpose)
    .where('account_id', code.accountId === undefined ? 'is' : '=', code.accountId ?? null)
    .where('consumed_at', 'is', null)
    .where('killed_at', 'is', null)
    .execute();
  await tx
    .insertInto('code')
    .values({
      id: code.id,
      purpose: code.purpose,
      identifier_hash: code.identifierHash,
      code_hash: code.codeHash,
      created_at: code.createdAt,
      expires_at: code.expiresAt,
      account_id: code.accountId ?? null,
    })
    .execute();
};

const usable = (tx: Transaction, codeId: string, purpose: CodePurpose, now: Date) =>
  tx
    .updateTable('code')
    .where('id', '=', codeId)
    .where('purpose', '=', purpose)
    .where('consumed_at', 'is', null)
    .where('killed_at', 'is', null)
    .where('expires_at', '>', now);

/** Counts one try of a usable code in the statement that finds it, so concurrent tries never share one. */
export const raiseTries = async (
  tx: Transaction,
  {
    codeId,
    purpose,
    identifierHashes,
    now,
    accountId,
  }: {
    codeId: string;
    purpose: CodePurpose;
    identifierHashes: readonly string[];
    now: Date;
    accountId?: string | undefined;
  },
): Promise<Raised> => {
  const row = await usable(tx, codeId, purpose, now)
    .where('attempts', '<', maxTries)
    .where((e) => e('identifier_hash', '=', e.fn.any(e.val([...identifierHashes]))))
    .where('account_id', accountId === undefined ? 'is' : '=', accountId ?? null)
    .set((e) => ({ attempts: e('attempts', '+', 1) }))
    .returning(['code_hash', 'identifier_hash'])
    .executeTakeFirst();
  return row && { codeHash: row.code_hash, identifierHash: row.identifier_hash };
};

/** Whether the code was issued for this purpose to one of the identifiers, whatever became of it. */
export const codeBelongsTo = async (
  db: Kysely<IdentitySchema>,
  codeId: string,
  purpose: CodePurpose,
  identifierHashes: readonly string[],
): Promise<boolean> => {
  if (identifierHashes.length === 0) return false;
  const query = db.selectFrom('code').select('id').where('id', '=', codeId).where('purpose', '=', purpose);
  return (await query.where('identifier_hash', 'in', identifierHashes).executeTakeFirst()) !== undefined;
};

/** Uses the code up; false when another request did, or it was replaced or expired meanwhile. */
export const consumeCode = async (
  tx: Transaction,
  codeId: string,
  purpose: CodePurpose,
  now: Date,
): Promise<boolean> => {
  const result = await usable(tx, codeId, purpose, now).set({ consumed_at: now }).executeTakeFirst();
  return result.numUpdatedRows === 1n;
};

export const deleteCodesOf = async (
  tx: Transaction,
  accountId: string,
  identifierHashes: readonly string[],
): Promise<number> => {
  const result = await tx
    .deleteFrom('code')
    .where((e) =>
      e.or([e('account_id', '=', accountId), e('identifier_hash', '=', e.fn.any(e.val([...identifierHashes])))]),
    )
    .executeTakeFirst();
  return Number(result.numDeletedRows);
};

/** Deletes codes that have been of no use for an hour. */
export const deleteOldCodes = async (db: Kysely<IdentitySchema>, now: Date): Promise<bigint> => {
  const result = await db
    .deleteFrom('code')
    .where('expires_at', '<', new Date(now.getTime() - 3_600_000))
    .executeTakeFirst();
  return result.numDeletedRows;
};
