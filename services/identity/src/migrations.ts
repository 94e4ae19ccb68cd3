// Every migration of identity, in order. Names never change once released.
import type { Migration } from 'kysely/migration';
import { identityTables } from './db/migrations/0001-identity.ts';

export const migrations: Record<string, Migration> = { '0001-identity': identityTables };
