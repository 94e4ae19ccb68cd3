// billing's own copy of who is verified: account and kind, nothing of the person.
import { sql } from 'kysely';
import type { BillingTx, Reader } from '../deps.ts';

export type VerifiedKind = 'personal' | 'enterprise';

/** An enterprise verification is never overwritten by a personal one: there is no way back, and events may be late. */
export const saveVerified = async (
  tx: BillingTx,
  { accountId, kind, at }: { accountId: string; kind: VerifiedKind; at: Date },
): Promise<void> => {
  await sql`
    insert into verified_account (account_id, kind, verified_at) values (${accountId}, ${kind}, ${at})
    on conflict (account_id) do update set kind = excluded.kind where verified_account.kind = 'personal'`.execute(tx);
};

export const isVerified = async (db: Reader, accountId: string): Promise<boolean> =>
  (await db
    .selectFrom('verified_account')
    .select('account_id')
    .where('account_id', '=', accountId)
    .executeTakeFirst()) !== undefined;
