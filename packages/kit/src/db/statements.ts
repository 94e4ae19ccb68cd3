import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** A migration of plain SQL statements, run in order. */
export const statements = (texts: readonly string[]): Migration => ({
  up: async (db: Kysely<unknown>) => {
    for (const text of texts) await sql.raw(text).execute(db);
  },
});
