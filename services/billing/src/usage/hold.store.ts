import type { UsageFigures } from '@meridian/contracts/billing.ts';
import { sql } from 'kysely';
import type { HoldState } from '../db/schema.ts';
import type { BillingTx, Reader } from '../deps.ts';
import type { Price } from '../prices/price.ts';
import type { Booked } from './hold.ts';

export type NewHold = {
  readonly requestId: string;
  readonly accountId: string;
  readonly keyId: string;
  readonly price: Price;
  readonly promptTokensBound: number;
  readonly completionWindow: number;
  readonly amount: bigint;
  readonly at: Date;
  readonly deadline: Date;
};

/**
 * Reserves in one statement: the hold is written and the money moved from available to held, or neither. `known`: the request id is
 * taken. `short`: the money does not suffice, and the caller must roll back.
 */
export const reserve = async (tx: BillingTx, hold: NewHold): Promise<'reserved' | 'known' | 'short'> => {
  const { rows } = await sql<{ made: boolean; moved: boolean }>`
    with made as (
      insert into hold (request_id, account_id, key_id, model, price_version, prompt_tokens_bound, first_window, last_window,
        amount, state, created_at, deadline)
      values (${hold.requestId}, ${hold.accountId}, ${hold.keyId}, ${hold.price.model}, ${hold.price.version},
        ${hold.promptTokensBound}, ${hold.completionWindow}, ${hold.completionWindow}, ${hold.amount}, 'held', ${hold.at}, ${hold.deadline})
      on conflict (request_id) do nothing returning account_id, amount
    ), moved as (
      update balance set available = available - made.amount, held = held + made.amount from made
      where balance.account_id = made.account_id and balance.available - made.amount >= 0 returning 1
    )
    select exists (select from made) as made, exists (select from moved) as moved`.execute(tx);
  if (!rows[0]?.made) return 'known';
  return rows[0].moved ? 'reserved' : 'short';
};

export type StoredHold = {
  readonly requestId: string;
  readonly accountId: string;
  readonly keyId: string;
  readonly promptTokensBound: number;
  readonly firstWindow: number;
  readonly lastWindow: number;
  readonly amount: bigint;
  readonly state: HoldState;
  readonly reported: UsageFigures | undefined;
  readonly settled: UsageFigures | undefined;
  readonly booked: Booked;
  readonly outcome: 'completed' | 'interrupted' | null;
  readonly deadline: Date;
  /** The version that the hold was made with; the charge is too. */
  readonly price: Price;
};

const joined = (tx: Reader, requestId: string) =>
  tx
    .selectFrom('hold')
    .innerJoin('price', (join) =>
      join.onRef('price.model', '=', 'hold.model').onRef('price.version', '=', 'hold.price_version'),
    )
    .selectAll('hold')
    .select(['prompt_per_million', 'cached_per_million', 'completion_per_million'])
    .where('request_id', '=', requestId);

type Row = NonNullable<Awaited<ReturnType<ReturnType<typeof joined>['executeTakeFirst']>>>;

const figures = (prompt: number | null, cached: number | null, completion: number | null): UsageFigures | undefined =>
  prompt === null || cached === null || completion === null
    ? undefined
    : { promptTokens: prompt, cachedTokens: cached, completionTokens: completion };

const fromRow = (row: Row): StoredHold => ({
  requestId: row.request_id,
  accountId: row.account_id,
  keyId: row.key_id,
  promptTokensBound: row.prompt_tokens_bound,
  firstWindow: row.first_window,
  lastWindow: row.last_window,
  amount: row.amount,
  state: row.state,
  reported: figures(row.reported_prompt_tokens, row.reported_cached_tokens, row.reported_completion_tokens),
  settled: figures(row.settled_prompt_tokens, row.settled_cached_tokens, row.settled_completion_tokens),
  booked: { charged: row.charged ?? 0n, writtenOff: row.written_off ?? 0n, arrears: row.arrears ?? 0n },
  outcome: row.outcome,
  deadline: row.deadline,
  price: {
    model: row.model,
    version: row.price_version,
    promptPerMillion: row.prompt_per_million,
    cachedPerMillion: row.cached_per_million,
    completionPerMillion: row.completion_per_million,
  },
});

export const findHold = async (tx: Reader, requestId: string): Promise<StoredHold | undefined> => {
  const row = await joined(tx, requestId).executeTakeFirst();
  return row && fromRow(row);
};

/** Locks the hold until the transaction ends. Order of the locks: fence of its account, hold, balance. */
export const lockHold = async (tx: BillingTx, requestId: string): Promise<StoredHold | undefined> => {
  const row = await joined(tx, requestId).forUpdate('hold').executeTakeFirst();
  return row && fromRow(row);
};

/** Like lockHold, but passes over a hold that another transaction is working on. */
export const lockFreeHold = async (tx: BillingTx, requestId: string): Promise<StoredHold | undefined> => {
  const row = await joined(tx, requestId).forUpdate('hold').skipLocked().executeTakeFirst();
  return row && fromRow(row);
};

/** Moves `amount` more from available to held, or nothing at all (false) if it does not suffice. */
export const reserveMore = async (tx: BillingTx, accountId: string, amount: bigint): Promise<boolean> => {
  const { numAffectedRows } = await sql`
    update balance set available = available - ${amount}, held = held + ${amount}
    where account_id = ${accountId} and available - ${amount} >= 0`.execute(tx);
  return numAffectedRows === 1n;
};

export const saveReport = async (tx: BillingTx, requestId: string, report: UsageFigures): Promise<void> => {
  await tx
    .updateTable('hold')
    .set({
      reported_prompt_tokens: report.promptTokens,
      reported_cached_tokens: report.cachedTokens,
      reported_completion_tokens: report.completionTokens,
    })
    .where('request_id', '=', requestId)
    .execute();
};

export const saveExtension = async (
  tx: BillingTx,
  requestId: string,
  extension: { amount: bigint; lastWindow: number; deadline: Date },
): Promise<void> => {
  await tx
    .updateTable('hold')
    .set({ amount: extension.amount, last_window: extension.lastWindow, deadline: extension.deadline })
    .where('request_id', '=', requestId)
    .execute();
};

export type Closing = { readonly requestId: string; readonly booked: Booked; readonly at: Date } & (
  | { readonly state: 'settled'; readonly usage: UsageFigures; readonly outcome: 'completed' | 'interrupted' }
  | { readonly state: 'released' | 'expired' }
);

export const saveClosing = async (tx: BillingTx, closing: Closing): Promise<void> => {
  const { requestId, state, booked, at } = closing;
  const settled =
    closing.state === 'settled'
      ? {
          settled_prompt_tokens: closing.usage.promptTokens,
          settled_cached_tokens: closing.usage.cachedTokens,
          settled_completion_tokens: closing.usage.completionTokens,
          outcome: closing.outcome,
        }
      : {};
  await tx
    .updateTable('hold')
    .set({
      state,
      charged: booked.charged,
      written_off: booked.writtenOff,
      arrears: booked.arrears,
      closed_at: at,
      ...settled,
    })
    .where('request_id', '=', requestId)
    .execute();
};

export type OverdueHold = { readonly requestId: string; readonly deadline: Date };

/** Open holds whose deadline has passed, oldest first, behind the one given. */
export const overdueHolds = async (
  tx: Reader,
  { at, after, limit }: { at: Date; after: OverdueHold | undefined; limit: number },
): Promise<OverdueHold[]> => {
  const all = tx
    .selectFrom('hold')
    .select(['request_id', 'deadline'])
    .where('state', '=', 'held')
    .where('deadline', '<=', at);
  const behind =
    after === undefined
      ? all
      : all.where(({ eb, refTuple, tuple }) =>
          eb(refTuple('deadline', 'request_id'), '>', tuple(after.deadline, after.requestId)),
        );
  const rows = await behind.orderBy('deadline').orderBy('request_id').limit(limit).execute();
  return rows.map((row) => ({ requestId: row.request_id, deadline: row.deadline }));
};

/** Whether the account is fenced. Unlike kit's assertNotFenced it holds off no fence: it only decides how much is charged. */
export const isFenced = async (tx: BillingTx, accountId: string): Promise<boolean> =>
  (await tx.selectFrom('account_fence').select('account_id').where('account_id', '=', accountId).executeTakeFirst()) !==
  undefined;
