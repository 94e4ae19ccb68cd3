// Brings a database to the newest version the code knows. One migration table, kit's migrations first, then the service's own.
import { Kysely, PostgresDialect } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import pg from 'pg';
import { errorMessage } from '../error-code.ts';
import type { Logger } from '../telemetry/log.ts';
import { connected } from './connections.ts';
import { kitMigrations } from './kit-migrations.ts';
import { assertSameText, recordingDigests } from './migration-digest.ts';

/** `database_newer`: the database has migrations that this code does not know. */
export class DatabaseNewerError extends Error {
  override name = 'DatabaseNewerError';
  code = 'database_newer';
}

/** `database_older`: the code has migrations that the database has not seen; production does not run them at boot. */
export class DatabaseOlderError extends Error {
  override name = 'DatabaseOlderError';
  code = 'database_older';
}

const newerSentence = (migration: string) =>
  `the database has migration "${migration}", which this version of the code does not know: deploy the newer code or restore an older database`;

const prefixed = (prefix: string, migrations: Record<string, Migration>) =>
  Object.entries(migrations).map(([name, migration]): [string, Migration] => {
    if (!/^[0-9]{4}-[a-z0-9-]+$/.test(name))
      throw new Error(`migration "${name}" must be named like 0001-what-it-does`);
    return [`${prefix}/${name}`, migration];
  });

// "kit/" sorts before "service/". A kit migration added later runs although service migrations already ran, so order is per group.
const everyMigration = (own: Record<string, Migration>) =>
  Object.fromEntries([...prefixed('kit', kitMigrations), ...prefixed('service', own)]);

const withMigrator = async <T>(
  url: string,
  migrations: Record<string, Migration>,
  schema: string | undefined,
  work: (migrator: Migrator) => Promise<T>,
): Promise<T> => {
  const pool = new pg.Pool({
    connectionString: url,
    max: 1,
    connectionTimeoutMillis: 5_000,
    lock_timeout: 60_000,
    application_name: 'migrate',
  });
  pool.on('connect', (client) => client.on('error', () => undefined)); // the running query fails with the same error
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
  try {
    const provider = { getMigrations: async () => migrations };
    return await work(
      new Migrator({
        db,
        provider,
        allowUnorderedMigrations: true,
        migrationTableName: 'migration',
        migrationLockTableName: 'migration_lock',
        ...(schema ? { migrationTableSchema: schema } : {}),
      }),
    );
  } finally {
    await db.destroy();
  }
};

/** Runs `migrations` under exactly these names; concurrent callers wait for each other (advisory lock in one transaction). */
export const runMigrations = async (options: {
  url: string;
  migrations: Record<string, Migration>;
  log: Logger;
  /** Schema of the migration table; created when absent. Default: public. */
  schema?: string;
}): Promise<void> => {
  const { url, migrations, schema } = options;
  await connected({ url }, (client) => assertSameText(client, migrations, schema));
  const recording = recordingDigests(migrations, `${schema ?? 'public'}.migration_digest`);
  await withMigrator(url, recording, schema, async (migrator) => {
    const { error, results = [] } = await migrator.migrateToLatest();
    for (const { migrationName, status } of results)
      options.log.info({ migration: migrationName, status }, 'migration');
    if (error === undefined) return;
    const text = errorMessage(error);
    const unknown = /previously executed migration (\S+) is missing/.exec(text)?.[1];
    if (unknown) throw new DatabaseNewerError(newerSentence(unknown));
    throw error;
  });
};

/** Migrates a service's database: kit's tables, then `migrations` (static index, names like `0001-accounts`). All or nothing. */
export const migrate = (options: { url: string; migrations: Record<string, Migration>; log: Logger }): Promise<void> =>
  runMigrations({ ...options, migrations: everyMigration(options.migrations) });

/** Names of migrations the database still lacks (for readiness). */
export const pendingMigrations = (options: { url: string; migrations: Record<string, Migration> }): Promise<string[]> =>
  withMigrator(options.url, everyMigration(options.migrations), undefined, async (migrator) =>
    (await migrator.getMigrations()).filter((m) => m.executedAt === undefined).map((m) => m.name),
  );

/** Throws DatabaseOlderError, DatabaseNewerError or DatabaseOfOtherTextError, naming what mends it, unless the database is exactly as the code makes it. */
export const assertMigrated = async (options: {
  url: string;
  migrations: Record<string, Migration>;
  service: string;
}): Promise<void> => {
  const pending = await pendingMigrations(options);
  if (pending.length > 0)
    throw new DatabaseOlderError(
      `the database lacks ${pending.length} migration(s) of this version, the first is "${pending[0]}": run the program services/${options.service}/src/migrate.ts first`,
    );
  const known = everyMigration(options.migrations);
  await connected(options, async (client) => {
    const { rows } = await client.query<{ name: string }>('select name from migration order by timestamp, name');
    const unknown = rows.find(({ name }) => !Object.hasOwn(known, name));
    if (unknown) throw new DatabaseNewerError(newerSentence(unknown.name));
    await assertSameText(client, known);
  });
};
