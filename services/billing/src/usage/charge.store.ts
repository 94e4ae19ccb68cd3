import type { UsageFigures } from '@meridian/contracts/billing.ts';
import type { TimePlace } from '@meridian/kit/http/page.ts';
import { sql } from 'kysely';
import type { BillingTx, Reader } from '../deps.ts';

export type Charge = {
  readonly requestId: string;
  readonly accountId: string;
  readonly keyId: string;
  readonly model: string;
  readonly usage: UsageFigures;
  readonly amount: bigint;
  readonly currency: string;
  readonly priceVersion: number;
  readonly outcome: 'completed' | 'interrupted' | 'expired';
  readonly settledAt: Date;
};

/** Writes the charge of a call; the late settlement of an expired hold replaces what was charged by its deadline. */
export const saveCharge = async (tx: BillingTx, charge: Charge): Promise<void> => {
  const figures = {
    prompt_tokens: charge.usage.promptTokens,
    cached_tokens: charge.usage.cachedTokens,
    completion_tokens: charge.usage.completionTokens,
    amount: charge.amount,
    outcome: charge.outcome,
    settled_at: charge.settledAt,
  };
  await tx
    .insertInto('charge')
    .values({
      request_id: charge.requestId,
      account_id: charge.accountId,
      key_id: charge.keyId,
      model: charge.model,
      currency: charge.currency,
      price_version: charge.priceVersion,
      ...figures,
    })
    .onConflict((c) => c.column('request_id').doUpdateSet(figures))
    .execute();
};

/** Newest first; one more than `limit`, so that the caller knows whether there is a next page. */
export const listCharges = async (
  db: Reader,
  accountId: string,
  page: { after: TimePlace | undefined; limit: number },
) => {
  let query = db
    .selectFrom('charge')
    .selectAll()
    .where('account_id', '=', accountId)
    .orderBy('settled_at', 'desc')
    .orderBy('request_id', 'desc')
    .limit(page.limit + 1);
  const { after } = page;
  if (after !== undefined)
    query = query.where(({ eb, refTuple, tuple }) =>
      eb(refTuple('settled_at', 'request_id'), '<', tuple(after.at, after.id)),
    );
  return query.execute();
};

/** Sums per UTC day and model from `from` to before `until`, newest day first. */
export const sumUsage = async (db: Reader, accountId: string, span: { from: Date; until: Date }) => {
  const day = sql<string>`(settled_at at time zone 'UTC')::date`;
  return db
    .selectFrom('charge')
    .select([
      day.as('day'),
      'model',
      sql<bigint>`count(*)`.as('calls'),
      sql<bigint>`sum(prompt_tokens)`.as('prompt_tokens'),
      sql<bigint>`sum(cached_tokens)`.as('cached_tokens'),
      sql<bigint>`sum(completion_tokens)`.as('completion_tokens'),
      sql<bigint>`sum(amount)::bigint`.as('amount'),
    ])
    .where('account_id', '=', accountId)
    .where('settled_at', '>=', span.from)
    .where('settled_at', '<', span.until)
    .groupBy([day, 'model'])
    .orderBy('day', 'desc')
    .orderBy('model')
    .execute();
};
