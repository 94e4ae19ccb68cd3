import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { askTestServers } from './test-servers.ts';

export type TestDatabase = { url: string; drop(): Promise<void> };

export type TestDatabaseOptions = {
  /** Brings an empty database up to date. */
  migrate?: (url: string) => Promise<void>;
  /** Names what `migrate` makes: it then runs once per test run, and every database of that key is a copy. */
  templateKey?: string;
};

// Advisory lock class of this helper; the second number is drawn from the template's name.
const LOCK_CLASS = 0x6d657269;

/**
 * A database of one test's own, on `DATABASE_URL` or `TEST_DATABASE_URL` when given, else on the server of the run (a container, or embedded where there is no engine).
 * The caller drops it; what is forgotten goes when the run ends.
 */
export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const server = await testServerUrl();
  const name = `${databasePrefix()}${randomBytes(6).toString('hex')}`;
  const url = withDatabaseName(server.url, name);
  await asAdmin(server.url, async (admin) => {
    if (options.migrate !== undefined && options.templateKey !== undefined) {
      const template = await ensureTemplate(admin, server.url, options.templateKey, options.migrate);
      // On a server of the run nothing is forced to disk, and copying files beats writing every page to the log.
      await admin.query(
        `create database ${name} template ${template} strategy ${server.ours ? 'file_copy' : 'wal_log'}`,
      );
    } else await admin.query(`create database ${name}`);
  });
  if (options.templateKey === undefined) await options.migrate?.(url);
  return { url, drop: () => asAdmin(server.url, (admin) => dropWhenQuiet(admin, name)) };
}

/**
 * A pool says that it has ended before its connections are gone, and one that is cut then fails the test that runs by now: they get a second to go by
 * themselves.
 */
async function dropWhenQuiet(admin: pg.Client, name: string): Promise<void> {
  for (let tries = 0; tries < 50; tries += 1) {
    const { rowCount } = await admin.query('select from pg_stat_activity where datname = $1 limit 1', [name]);
    if (rowCount === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await admin.query(`drop database if exists ${name} with (force)`);
}

/** Runs `work` on a database of its own and drops it afterwards. */
export async function withDatabase<T>(options: TestDatabaseOptions, work: (url: string) => Promise<T>): Promise<T> {
  const database = await createTestDatabase(options);
  try {
    return await work(database.url);
  } finally {
    await database.drop();
  }
}

/** Drops every database of this run; for the end of a run on a server that outlives it. */
export async function dropTestDatabases(adminUrl: string): Promise<void> {
  await asAdmin(adminUrl, async (admin) => {
    const found = await admin.query<{ datname: string }>(
      'select datname from pg_database where starts_with(datname, $1)',
      [databasePrefix()],
    );
    for (const { datname } of found.rows) await admin.query(`drop database if exists ${datname} with (force)`);
  });
}

/** The same URL with another database. Not with URL: it refuses the empty host of a socket address. */
export function withDatabaseName(url: string, database: string): string {
  const parts = /^(postgres(?:ql)?:\/\/[^/?]*)(?:\/[^?]*)?(\?.*)?$/.exec(url);
  if (parts === null) throw new Error('The database URL must look like postgres://user:password@host/database.');
  return `${parts[1]}/${encodeURIComponent(database)}${parts[2] ?? ''}`;
}

async function testServerUrl(): Promise<{ url: string; ours: boolean }> {
  const given = process.env.DATABASE_URL || process.env.TEST_DATABASE_URL;
  if (given) return { url: given, ours: false };
  const control = process.env.MERIDIAN_TEST_SERVERS;
  if (!control) throw new Error('No database for tests: run them with jest and its globalSetup, or give DATABASE_URL.');
  return { url: await askTestServers(control, 'postgres'), ours: true };
}

/** Migrated under another name and renamed when whole, so that a killed worker leaves no half template. */
async function ensureTemplate(
  admin: pg.Client,
  serverUrl: string,
  key: string,
  migrate: (url: string) => Promise<void>,
): Promise<string> {
  const digest = createHash('sha256').update(key).digest();
  const template = `${databasePrefix()}t_${digest.toString('hex').slice(0, 16)}`;
  const building = `${template}_new`;
  const lock = [LOCK_CLASS, digest.readInt32BE(0)];
  await admin.query('select pg_advisory_lock($1, $2)', lock);
  try {
    const found = await admin.query('select 1 from pg_database where datname = $1', [template]);
    if (found.rowCount !== 0) return template;
    await admin.query(`drop database if exists ${building} with (force)`);
    await admin.query(`create database ${building}`);
    await migrate(withDatabaseName(serverUrl, building));
    await admin.query(`alter database ${building} rename to ${template}`);
    return template;
  } finally {
    await admin.query('select pg_advisory_unlock($1, $2)', lock);
  }
}

function databasePrefix(): string {
  return `test_${process.env.MERIDIAN_TEST_RUN ?? process.pid}_`;
}

async function asAdmin<T>(url: string, work: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({ connectionString: url, connectionTimeoutMillis: 30_000 });
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}
