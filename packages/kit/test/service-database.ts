// A migrated database with only kit's tables, for kit's own integration tests.
import { createTestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import { createDatabase, type Database } from '../src/db/database.ts';
import { migrate } from '../src/db/migrate.ts';
import type { KitSchema } from '../src/db/schema.ts';
import { createLog } from '../src/telemetry/log.ts';

export const silent = createLog({ service: 'test', region: 'cn', level: 'silent' });

export const openServiceDatabase = async (
  poolSize = 8,
): Promise<{ db: Database<KitSchema>; url: string; close(): Promise<void> }> => {
  const database = await createTestDatabase({
    migrate: (url) => migrate({ url, migrations: {}, log: silent }),
    templateKey: 'kit',
  });
  const db = createDatabase<KitSchema>({ url: database.url, poolSize, log: silent, applicationName: 'test' });
  return {
    db,
    url: database.url,
    close: async () => {
      await db.close();
      await database.drop();
    },
  };
};
