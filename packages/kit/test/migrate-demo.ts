// A service's job before a rollout, for a test to run.
import { migrateService } from '@meridian/kit/run/migrate-service.ts';

await migrateService({ service: 'demo', env: process.env, migrations: {} });
