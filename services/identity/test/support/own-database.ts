// A connection of the test's own to the stand's database, as the service would have one.
import { createDatabase, type Database } from '@meridian/kit/db/database.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import type { IdentitySchema } from '../../src/db/schema.ts';
import type { Stand } from './stand.ts';

export const withOwnDatabase = async (
  { env, region }: Pick<Stand, 'env' | 'region'>,
  use: (db: Database<IdentitySchema>) => Promise<void>,
): Promise<void> => {
  const log = createLog({ service: 'test', region, level: 'silent' });
  const url = env.DATABASE_URL ?? '';
  const db = createDatabase<IdentitySchema>({ url, poolSize: 1, log, applicationName: 'test' });
  await use(db).finally(() => db.close());
};
