import type { Profile } from '@meridian/regions/profile.ts';
import type { BillingDeps, BillingTx } from '../deps.ts';
import { insertPrice, pricesInForce } from './price.store.ts';
import { sameRates } from './price.ts';

/** Brings the price book up to the profile: a model gets a new version, in force at once, only when one of its rates changed. */
export const seedPrices = async (tx: BillingTx, deps: BillingDeps, models: Profile['models']): Promise<void> => {
  const now = deps.now();
  const known = new Map((await pricesInForce(tx, now)).map((price) => [price.model, price]));
  for (const { model, promptPerMillion, cachedPerMillion, completionPerMillion } of models) {
    const rates = {
      promptPerMillion: BigInt(promptPerMillion),
      cachedPerMillion: BigInt(cachedPerMillion),
      completionPerMillion: BigInt(completionPerMillion),
    };
    const last = known.get(model);
    if (last !== undefined && sameRates(last, rates)) continue;
    await insertPrice(tx, { model, version: (last?.version ?? 0) + 1, ...rates, effectiveFrom: now }, deps.currency);
  }
};
