// The proof that every balance is the sum of its entries, and its held part the sum of the open holds.
import { sql } from 'kysely';
import type { Reader } from '../deps.ts';

export type Unproven = {
  readonly accountId: string;
  readonly stated: bigint;
  readonly posted: bigint;
  readonly held: bigint;
  readonly holds: bigint;
};

export type Proof = {
  readonly checked: number;
  readonly unproven: readonly Unproven[];
  /** Goes on with the next part; undefined when all were checked. */
  readonly next: bigint | undefined;
};

/**
 * Checks at most `limit` balances after `from`. One statement, hence one snapshot: a booking that commits meanwhile is seen whole or
 * not at all.
 */
export const proveBalances = async (tx: Reader, { from = 0n, limit = 500 } = {}): Promise<Proof> => {
  type Row = Unproven & { readonly place: bigint };
  const { rows } = await sql<Row>`
    select b.ledger_account_id as place, b.account_id as "accountId", b.available + b.held as stated, b.held,
      coalesce((select sum(e.amount) from ledger_entry e where e.ledger_account_id = b.ledger_account_id), 0)::bigint as posted,
      coalesce((select sum(h.amount) from hold h where h.account_id = b.account_id and h.state = 'held'), 0)::bigint as holds
    from balance b where b.ledger_account_id > ${from} order by b.ledger_account_id limit ${limit}`.execute(tx);
  return {
    checked: rows.length,
    unproven: rows
      .filter((row) => row.stated !== row.posted || row.held !== row.holds)
      .map(({ place: _, ...row }) => row),
    next: rows.length < limit ? undefined : rows.at(-1)?.place,
  };
};
