import type { Migration } from 'kysely/migration';
import { ledger } from './db/migrations/0001-ledger.ts';
import { prices } from './db/migrations/0002-prices.ts';
import { recharge } from './db/migrations/0003-recharge.ts';
import { usage } from './db/migrations/0004-usage.ts';
import { channelMessageRetention } from './db/migrations/0005-channel-message-retention.ts';

/** The migrations of a region's billing database. `currency` is its one currency; the tables refuse every other. */
export const migrationsFor = (currency: string): Record<string, Migration> => ({
  '0001-ledger': ledger(currency),
  '0002-prices': prices(currency),
  '0003-recharge': recharge(currency),
  '0004-usage': usage(currency),
  '0005-channel-message-retention': channelMessageRetention(),
});
