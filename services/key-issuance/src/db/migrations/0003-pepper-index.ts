// Which versions of pepper are in use is asked at every start.
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const pepperIndex: Migration = {
  up: async (db: Kysely<unknown>) => {
    await sql`create index api_key_secret_of_pepper on api_key_secret (pepper_version)`.execute(db);
  },
};
