// The migration job of verification: run it before a rollout, as the owner of the tables.
import { migrateService } from '@meridian/kit/run/migrate-service.ts';
import { migrations } from './migrations.ts';

await migrateService({ service: 'verification', env: process.env, migrations });
