// A PostgreSQL server of one suite's own, which may be killed without disturbing other suites.
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { lockFolder } from '../postgres/folder-lock.ts';
import { fits } from '../postgres/socket-folder.ts';
import { type RunningPostgres, startPostgres } from '../postgres/start-postgres.ts';

export type OwnServer = {
  /** A new database; `migrate` runs once per `templateKey`. */
  createDatabase(templateKey: string, migrate: (url: string) => Promise<void>): Promise<string>;
  /** Ends every connection to the database at `url`, as a fail-over would; answers how many there were. */
  disconnect(url: string): Promise<number>;
  /** Kills the server without a checkpoint and starts it again; it recovers from its log. */
  crash(): Promise<void>;
  stop(): Promise<void>;
};

const asAdmin = async <T>(url: string, work: (admin: pg.Client) => Promise<T>): Promise<T> => {
  const admin = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  admin.on('error', () => undefined); // the running statement fails with the same error
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
};

/** Starts the server below `parent` (the folder that the test run sweeps), or among the temporary files if a socket path is too long. */
export const openOwnServer = async (parent: string): Promise<OwnServer> => {
  const near = join(parent, randomBytes(4).toString('hex'));
  const folder = fits(join(near, 'pg', 'socket')) ? near : await mkdtemp(join(tmpdir(), 'meridian-'));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const lock = lockFolder(folder);
  const dataDir = join(folder, 'pg');
  let running: RunningPostgres = await startPostgres({ dataDir, durable: false });
  // fsync stays off (the machine does not crash here), but a commit must survive the death of the server.
  await asAdmin(running.adminUrl, (admin) => admin.query('alter role all set synchronous_commit = on'));
  const templates = new Map<string, Promise<string>>();
  let count = 0;
  const makeTemplate = async (migrate: (url: string) => Promise<void>) => {
    count += 1;
    const name = `template_${count}`;
    await asAdmin(running.adminUrl, (admin) => admin.query(`create database ${name}`));
    await migrate(running.url(name));
    return name;
  };
  return {
    createDatabase: async (templateKey, migrate) => {
      const making = templates.get(templateKey) ?? makeTemplate(migrate);
      templates.set(templateKey, making);
      const template = await making;
      count += 1;
      const name = `db_${count}`;
      await asAdmin(running.adminUrl, (admin) =>
        admin.query(`create database ${name} template ${template} strategy file_copy`),
      );
      return running.url(name);
    },
    disconnect: (url) =>
      asAdmin(url, async (admin) => {
        const { rowCount } = await admin.query(
          'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
        );
        return rowCount ?? 0;
      }),
    crash: async () => {
      process.kill(running.pid, 'SIGQUIT');
      await running.exited;
      await running.stop();
      running = await startPostgres({ dataDir, durable: false });
    },
    stop: async () => {
      await running.stop();
      lock.release();
      await rm(folder, { recursive: true, force: true });
    },
  };
};
