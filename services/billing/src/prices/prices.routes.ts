import { listPrices } from '@meridian/contracts/billing.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { Billing } from '../platform.ts';
import { pricesInForce } from './price.store.ts';

export const pricesRoutes = ({ platform, region, deps }: Billing): void => {
  const offered = new Set(region.profile.models.map(({ model }) => model));
  route(platform.publicServer, listPrices, async () => {
    const prices = await pricesInForce(platform.db.read, deps.now());
    const items = prices
      .filter(({ model }) => offered.has(model))
      .map((price) => ({
        model: price.model,
        version: price.version,
        promptPerMillion: price.promptPerMillion.toString(),
        cachedPerMillion: price.cachedPerMillion.toString(),
        completionPerMillion: price.completionPerMillion.toString(),
        effectiveFrom: price.effectiveFrom.toISOString(),
      }));
    return { status: 200, body: { currency: deps.currency, items } };
  });
};
