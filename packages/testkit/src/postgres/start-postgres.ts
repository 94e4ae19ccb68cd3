import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, open, readFile, realpath, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { locateBinaries } from './binaries.ts';
import { ensureCluster, SUPERUSER, startFailure } from './cluster.ts';
import { lockFolder } from './folder-lock.ts';
import { serverIdentity } from './identity.ts';
import { readTail } from './last-words.ts';
import { folderError, PostgresError, systemCode } from './postgres-error.ts';
import { endProcess, readPostmaster, stopOrphan, until } from './postmaster.ts';
import { serverArguments, serverEnvironment } from './settings.ts';
import { openSocketFolder } from './socket-folder.ts';

const START_MS = 60_000;
const STOP_MS = 10_000;
const LOG_BYTES = 10_000_000;

export type PostgresOptions = {
  /** Created with mode 0700 when missing. Holds the cluster, its socket, its password and its log. */
  dataDir: string;
  memory?: 'small';
  /** false for tests only: nothing is forced to disk. */
  durable?: boolean;
  log?: { info(message: string): void };
};

/** A role of the database with its password; without one, URLs name the superuser. */
export type Role = { user: string; password: string };

export type RunningPostgres = {
  pid: number;
  socketDir: string;
  /** Superuser on the database 'postgres'. */
  adminUrl: string;
  url(database: string, role?: Role): string;
  logFile: string;
  /** The end of what this run has written to its log. */
  said(): string;
  /** Settles when the server has ended, for whatever reason. */
  exited: Promise<void>;
  /** Fast shutdown, immediate shutdown after 10 s. May be called again. */
  stop(): Promise<void>;
};

/**
 * Starts the PostgreSQL 18 that npm carries, on a unix socket alone, and makes its cluster on first start. The server has a session
 * of its own: Ctrl-C in a terminal reaches the application, which drains and then calls `stop`. What a killed run left is stopped first.
 * Throws PostgresError; see its codes.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const dataDir = await openDataFolder(resolve(options.dataDir));
  const lock = lockFolder(dataDir);
  try {
    return await startLocked(options, dataDir, () => lock.release());
  } catch (error) {
    lock.release();
    throw folderError(error, dataDir);
  }
}

async function openDataFolder(path: string): Promise<string> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await chmod(path, 0o700);
    return await realpath(path);
  } catch (error) {
    throw folderError(error, path);
  }
}

async function startLocked(options: PostgresOptions, dataDir: string, release: () => void): Promise<RunningPostgres> {
  const durable = options.durable ?? true;
  const binaries = await locateBinaries(dataDir);
  if (await stopOrphan(join(dataDir, 'cluster'), STOP_MS))
    options.log?.info('stopped the PostgreSQL that a killed run left behind');
  const identity = serverIdentity(binaries.postgres, dirname(dataDir));
  // As nobody, the server must be able to pass through; what lies inside is of mode 0700 or 0600 all the same.
  if (identity.run.uid !== undefined) await chmod(dataDir, 0o711);
  const password = await readPassword(dataDir);
  const cluster = await ensureCluster({ dataDir, password, durable, binaries, identity });
  const sockets = await openSocketFolder(dataDir);
  // An earlier run may have had another identity; only root can have had two.
  if (process.getuid?.() === 0) await chown(sockets.path, identity.ownerUid, identity.ownerUid);
  const logFile = join(dataDir, 'postgres.log');
  const logOffset = await rotateLog(logFile);
  const log = await open(logFile, 'a', 0o600);
  const run = identity.wrap(binaries.postgres, serverArguments(cluster, { durable, socketDir: sockets.path }));
  const child = spawn(run.command, run.args, {
    ...identity.run,
    env: serverEnvironment(binaries),
    stdio: ['ignore', log.fd, log.fd],
    detached: true,
  });
  let ended = false;
  const exited = new Promise<void>((settle) => {
    const end = (): void => {
      ended = true;
      settle();
    };
    child.once('error', end);
    child.once('exit', end);
  });
  child.unref();
  await log.close();
  const pid = child.pid;
  const ready = await until(() => {
    const found = readPostmaster(cluster);
    return ended || (found?.pid === pid && found?.state === 'ready');
  }, START_MS);
  if (pid === undefined || ended || !ready) {
    if (pid !== undefined) await endProcess(pid, () => ended, STOP_MS);
    throw startFailure(readTail(logFile, logOffset), ready ? 'it ended at once' : 'it was not ready in time');
  }

  // A process that ends without stop() takes its server along; one that is killed leaves it to the next start.
  const endAlong = (): void => {
    if (!ended) process.kill(pid, 'SIGINT');
  };
  process.once('exit', endAlong);
  const stop = async (): Promise<void> => {
    await endProcess(pid, () => ended, STOP_MS);
    process.off('exit', endAlong);
    await sockets.remove();
    release();
  };
  let stopping: Promise<void> | undefined;
  const host = encodeURIComponent(sockets.path).replaceAll('%2F', '/');
  const url = (database: string, role: Role = { user: SUPERUSER, password }): string =>
    `postgres://${encodeURIComponent(role.user)}:${encodeURIComponent(role.password)}@/${encodeURIComponent(database)}?host=${host}`;
  return {
    pid,
    socketDir: sockets.path,
    adminUrl: url('postgres'),
    url,
    logFile,
    said: () => readTail(logFile, logOffset),
    exited,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

/** The superuser's password, drawn on first start. Written before the cluster, so that no cluster ever lacks it. */
async function readPassword(dataDir: string): Promise<string> {
  const file = join(dataDir, 'password');
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
  const clusterExists = await stat(join(dataDir, 'cluster')).then(
    () => true,
    () => false,
  );
  if (clusterExists)
    throw new PostgresError(
      'data_folder_broken',
      `The data folder ${dataDir} is broken (its password file is gone): restore it or remove it.`,
    );
  const password = randomBytes(24).toString('base64url');
  await writeFile(`${file}.new`, `${password}\n`, { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
  return password;
}

/** The server appends to its log while it runs; an old one of more than 10 MB is put aside. Returns where this run begins. */
async function rotateLog(file: string): Promise<number> {
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  if (size < LOG_BYTES) return size;
  await rename(file, `${file}.1`);
  return 0;
}
