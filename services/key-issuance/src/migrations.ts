// Static index of this service's migrations.
import type { Migration } from 'kysely/migration';
import { keys } from './db/migrations/0001-keys.ts';
import { scopesAndRates } from './db/migrations/0002-scopes-and-rates.ts';
import { pepperIndex } from './db/migrations/0003-pepper-index.ts';

export const migrations: Record<string, Migration> = {
  '0001-keys': keys,
  '0002-scopes-and-rates': scopesAndRates,
  '0003-pepper-index': pepperIndex,
};
