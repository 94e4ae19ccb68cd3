// SQL of the ledger. A posting and the balance it changes are always written in the same transaction (book-for-user.ts).
import { type RawBuilder, sql } from 'kysely';
import type { LedgerAccountKind, LedgerKind, LedgerSource } from '../db/schema.ts';
import type { BillingTx, Reader } from '../deps.ts';
import type { Balance } from './balance.ts';

/** Nano-units; credit positive, debit negative. Owner: account, channel, or '' for the platform's own. */
export type Entry = { readonly kind: LedgerAccountKind; readonly owner: string; readonly amount: bigint };

export type Posting = {
  readonly source: { readonly type: LedgerSource; readonly id: string };
  readonly kind: LedgerKind;
  readonly at: Date;
  readonly currency: string;
  readonly entries: readonly Entry[];
};

const textArray = (values: readonly string[]): RawBuilder<unknown> => sql`${values}::text[]`;

/**
 * Writes one transaction and its entries in one statement; entries of zero are left out. A second posting of the same source and kind
 * fails on the unique constraint. Entries that do not sum to zero fail at commit.
 */
export const post = async (tx: BillingTx, { source, kind, at, currency, entries }: Posting): Promise<void> => {
  const written = entries.filter((entry) => entry.amount !== 0n);
  if (written.length === 0) return;
  const { numAffectedRows } = await sql`
    with made as (
      insert into ledger_transaction (source_type, source_id, kind, created_at)
      values (${source.type}, ${source.id}, ${kind}, ${at}) returning id
    )
    insert into ledger_entry (transaction_id, ledger_account_id, currency, amount)
    select made.id, account.id, ${currency}, entry.amount
    from made
    cross join unnest(
      ${textArray(written.map((e) => e.kind))}, ${textArray(written.map((e) => e.owner))},
      ${written.map((e) => e.amount.toString())}::bigint[]
    ) as entry (kind, owner, amount)
    join ledger_account account on account.kind = entry.kind and account.owner = entry.owner`.execute(tx);
  if (numAffectedRows !== BigInt(written.length)) throw new Error('a ledger account of the posting does not exist');
};

/** The clearing and suspense accounts of the region's channels; repeated calls change nothing. */
export const ensureChannelAccounts = async (tx: BillingTx, channels: readonly string[]): Promise<void> => {
  const rows = channels.flatMap((owner) => [
    { kind: 'clearing' as const, owner },
    { kind: 'suspense' as const, owner },
  ]);
  await tx
    .insertInto('ledger_account')
    .values(rows)
    .onConflict((c) => c.doNothing())
    .execute();
};

/** The account's ledger account and its balance of zero, if they do not exist yet. */
export const ensureUserAccount = async (tx: BillingTx, accountId: string, currency: string): Promise<void> => {
  await sql`
    with made as (
      insert into ledger_account (kind, owner) values ('user_cash', ${accountId}) on conflict do nothing returning id
    )
    insert into balance (account_id, ledger_account_id, currency) select ${accountId}, id, ${currency} from made`.execute(
    tx,
  );
};

export const readBalance = async (tx: Reader, accountId: string): Promise<Balance> => {
  const row = await tx
    .selectFrom('balance')
    .select(['available', 'held'])
    .where('account_id', '=', accountId)
    .executeTakeFirst();
  return row ?? { available: 0n, held: 0n };
};

/** Locks the balance until the transaction ends. */
export const lockBalance = async (tx: BillingTx, accountId: string): Promise<Balance> => {
  const row = await tx
    .selectFrom('balance')
    .select(['available', 'held'])
    .where('account_id', '=', accountId)
    .forUpdate()
    .executeTakeFirst();
  return row ?? { available: 0n, held: 0n };
};

/** Adds to both parts; answers the new balance. */
export const addToBalance = async (tx: BillingTx, accountId: string, by: Balance): Promise<Balance> =>
  tx
    .updateTable('balance')
    .set((eb) => ({ available: eb('available', '+', by.available), held: eb('held', '+', by.held) }))
    .where('account_id', '=', accountId)
    .returning(['available', 'held'])
    .executeTakeFirstOrThrow();
