import { sql } from 'kysely';
import type { BillingTx, Reader } from '../deps.ts';
import type { Price } from './price.ts';

export type PriceRow = Price & { readonly effectiveFrom: Date };

/** The versions in force at `at`, one per model, by model. */
export const pricesInForce = async (tx: Reader, at: Date): Promise<PriceRow[]> => {
  const { rows } = await sql<PriceRow>`
    select distinct on (model) model, version, prompt_per_million as "promptPerMillion", cached_per_million as "cachedPerMillion",
      completion_per_million as "completionPerMillion", effective_from as "effectiveFrom"
    from price where effective_from <= ${at} order by model, version desc`.execute(tx);
  return rows;
};

export const priceInForce = async (tx: Reader, model: string, at: Date): Promise<Price | undefined> => {
  const { rows } = await sql<Price>`
    select model, version, prompt_per_million as "promptPerMillion", cached_per_million as "cachedPerMillion",
      completion_per_million as "completionPerMillion"
    from price where model = ${model} and effective_from <= ${at} order by version desc limit 1`.execute(tx);
  return rows[0];
};

/** Adds a version; a replica that starts at the same moment may have added the same one. */
export const insertPrice = async (tx: BillingTx, price: PriceRow, currency: string): Promise<void> => {
  await tx
    .insertInto('price')
    .values({
      model: price.model,
      version: price.version,
      prompt_per_million: price.promptPerMillion,
      cached_per_million: price.cachedPerMillion,
      completion_per_million: price.completionPerMillion,
      currency,
      rounding: 'half_even',
      effective_from: price.effectiveFrom,
    })
    .onConflict((c) => c.columns(['model', 'version']).doNothing())
    .execute();
};
