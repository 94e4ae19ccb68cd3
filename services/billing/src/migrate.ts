// The migration job of billing: run it before a rollout, as the owner of the tables.
import { parseConfig } from '@meridian/kit/config/config.ts';
import { migrateService } from '@meridian/kit/run/migrate-service.ts';
import { regionVariables, resolveRegion } from '@meridian/regions/region.ts';
import { z } from 'zod';
import { migrationsFor } from './migrations.ts';

await migrateService({
  service: 'billing',
  env: process.env,
  migrations: () => migrationsFor(resolveRegion(parseConfig(z.object(regionVariables), process.env)).profile.currency),
  // What was booked stays booked: corrections are new entries.
  appendOnly: ['ledger_entry', 'ledger_transaction'],
});
