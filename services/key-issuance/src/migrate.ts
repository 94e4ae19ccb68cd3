// The migration job of key-issuance: run it before a rollout, as the owner of the tables.
import { migrateService } from '@meridian/kit/run/migrate-service.ts';
import { migrations } from './migrations.ts';

await migrateService({ service: 'key-issuance', env: process.env, migrations });
