// Which text each migration had when it ran. A migration is never edited once it is released: kysely knows it by its name alone, and a database
// that ran another text under that name would look migrated and fail later, one request at a time.
import { createHash } from 'node:crypto';
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import type pg from 'pg';

/** `database_of_other_text`: a migration that this code knows ran there with another text. */
export class DatabaseOfOtherTextError extends Error {
  override name = 'DatabaseOfOtherTextError';
  code = 'database_of_other_text';
}

/** Of the statements that it runs, which must not depend on what is in the database. */
const digestOf = async (migration: Migration): Promise<string> => {
  const hash = createHash('sha256');
  const recorder = new Kysely<unknown>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
    log: ({ query }) => void hash.update(`${query.sql};`),
  });
  await migration.up(recorder);
  return hash.digest('hex');
};

/** The same migrations; each leaves its digest in `table`, in the transaction that it runs in. */
export const recordingDigests = (migrations: Record<string, Migration>, table: string): Record<string, Migration> =>
  Object.fromEntries(
    Object.entries(migrations).map(([name, migration]) => [
      name,
      {
        ...migration,
        up: async (db: Kysely<unknown>) => {
          await migration.up(db);
          await sql`create table if not exists ${sql.table(table)} (name text primary key, digest text not null)`.execute(
            db,
          );
          await sql`insert into ${sql.table(table)} values (${name}, ${await digestOf(migration)})`.execute(db);
        },
      },
    ]),
  );

/** Throws DatabaseOfOtherTextError, saying what is left to do, when one of `migrations` ran with another text. */
export const assertSameText = async (
  client: pg.Client,
  migrations: Record<string, Migration>,
  schema = 'public',
): Promise<void> => {
  const has = async (table: string): Promise<boolean> =>
    (await client.query('select from pg_tables where schemaname = $1 and tablename = $2', [schema, table])).rowCount ===
    1;
  if (!(await has('migration'))) return;
  const { rows: ran } = await client.query<{ name: string }>(
    `select name from ${schema}.migration order by timestamp, name`,
  );
  // A database from before digests were kept has none.
  const { rows: digests } = (await has('migration_digest'))
    ? await client.query<{ name: string; digest: string }>(`select name, digest from ${schema}.migration_digest`)
    : { rows: [] };
  const kept = new Map(digests.map(({ name, digest }) => [name, digest]));
  for (const { name } of ran) {
    const migration = migrations[name];
    if (migration && kept.get(name) !== (await digestOf(migration)))
      throw new DatabaseOfOtherTextError(
        `the database was made by a version that was never released: its migration "${name}" was another. Its data cannot be taken over. Begin anew: npm start -- --reset; in containers docker compose down --volumes`,
      );
  }
};
