import { sql } from 'kysely';
import type { BillingTx } from '../deps.ts';
import { isPseudonym } from '../pseudonym.ts';

/**
 * Whether the account is fenced or erased. Unlike kit's assertNotFenced it refuses nothing; like it, it holds off fence and erasure until
 * the transaction ends. Call it before locking rows of the account.
 */
export const isCancelled = async (tx: BillingTx, accountId: string): Promise<boolean> => {
  if (isPseudonym(accountId)) return true;
  const { rows } = await sql<{ at: Date | null }>`select account_fenced_at(${accountId}) as at`.execute(tx);
  return rows[0]?.at !== null;
};
