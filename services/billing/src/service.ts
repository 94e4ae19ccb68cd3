// The composition root: what billing is made of.
import { listensTo } from '@meridian/contracts/events/listeners.ts';
import { createPlatform, type Overrides, type Running } from '@meridian/kit/run/platform.ts';
import { accountsReactions } from './account/accounts.reactions.ts';
import { fencesRoutes } from './account/fences.routes.ts';
import { readConfig } from './config.ts';
import type { BillingSchema } from './db/schema.ts';
import type { BillingDeps } from './deps.ts';
import { balancesRoutes } from './ledger/balances.routes.ts';
import { ensureChannelAccounts } from './ledger/ledger.store.ts';
import { proveAllBalances } from './ledger/prove-all-balances.ts';
import { createBillingMetrics } from './metrics.ts';
import { migrationsFor } from './migrations.ts';
import type { Billing } from './platform.ts';
import { pricesRoutes } from './prices/prices.routes.ts';
import { seedPrices } from './prices/seed-prices.ts';
import { dropOldBodies } from './recharge/channel-event.store.ts';
import { createChannels } from './recharge/channels.ts';
import { notificationsRoutes } from './recharge/notifications.routes.ts';
import { createPayerEmail } from './recharge/payer-email.ts';
import { pollOrders } from './recharge/poll-orders.ts';
import { createRealNameGate } from './recharge/real-name-gate.ts';
import { rechargesRoutes } from './recharge/recharges.routes.ts';
import { verificationsReactions } from './recharge/verifications.reactions.ts';
import { chargesRoutes } from './usage/charges.routes.ts';
import { holdsRoutes } from './usage/holds.routes.ts';
import { sweepHolds } from './usage/sweep-holds.ts';

const sweepMs = 1_000;
const pollMs = 1_000;
const proveMs = 60_000;
const cleaningMs = 60_000;
const cleanedAtATime = 5_000;

/** Starts billing. Throws ConfigError when the environment does not fit the region's profile. */
export const startBilling = async (
  env: Record<string, string | undefined>,
  overrides: Overrides = {},
): Promise<Running> => {
  const { region, config, channels: channelValues } = readConfig(env, overrides.now);
  const { profile } = region;
  const platform = await createPlatform<BillingSchema>({
    service: 'billing',
    region: region.id,
    directory: region.directory,
    corsOrigins: profile.corsOrigins,
    config,
    identityUrl: config.IDENTITY_URL,
    migrations: migrationsFor(profile.currency),
    overrides,
  });
  const { now, log, publish, db } = platform;
  const metrics = createBillingMetrics(platform.metrics, profile.payment.channels);
  const deps: BillingDeps = { region: region.id, currency: profile.currency, now, publish, metrics };
  const billing: Billing = { platform, region, deps };
  const channels = createChannels(channelValues, { now, log, profile });

  rechargesRoutes(billing, channels, {
    assertVerified: createRealNameGate(billing, config.VERIFICATION_URL),
    payerEmail: createPayerEmail(billing, config.IDENTITY_URL),
  });
  notificationsRoutes(billing, channels, config.PAYLOAD_KEY);
  balancesRoutes(billing);
  pricesRoutes(billing);
  holdsRoutes(billing);
  chargesRoutes(billing);
  fencesRoutes(billing);

  platform.every(sweepMs, 'sweep holds', async () => void (await sweepHolds(billing)));
  platform.every(pollMs, 'poll orders', () => pollOrders(billing, channels));
  platform.every(proveMs, 'prove balances', () => proveAllBalances(billing));
  platform.every(cleaningMs, 'drop old channel messages', async () => {
    const dropped = await dropOldBodies(db.read, now(), cleanedAtATime);
    return dropped === cleanedAtATime;
  });

  return platform.start({
    listensTo: listensTo.billing,
    reactions: [...accountsReactions(billing), ...verificationsReactions()],
    prepare: () =>
      db.transaction(async (tx) => {
        await ensureChannelAccounts(tx, profile.payment.channels);
        await seedPrices(tx, deps, profile.models);
      }),
  });
};
