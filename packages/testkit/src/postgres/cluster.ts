import { spawn } from 'node:child_process';
import { chown, mkdir, mkdtemp, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Binaries } from './binaries.ts';
import type { Identity } from './identity.ts';
import { lastWords, saysDiskFull } from './last-words.ts';
import { ownTree } from './own-tree.ts';
import { PostgresError, systemCode } from './postgres-error.ts';
import { serverEnvironment } from './settings.ts';

export const SUPERUSER = 'meridian';
const MAJOR = '18';
const UNFINISHED = 'cluster.new-';

export type ClusterOptions = {
  dataDir: string;
  password: string;
  durable: boolean;
  binaries: Binaries;
  identity: Identity;
};

/** Makes the cluster unless it is there: in a folder beside it that is renamed when whole, so that a kill leaves no half cluster. */
export async function ensureCluster(options: ClusterOptions): Promise<string> {
  const { dataDir, identity } = options;
  const cluster = join(dataDir, 'cluster');
  // The initdb of a start that was killed may still be writing; it ends when its folder is gone.
  for (const name of await readdir(dataDir))
    if (name.startsWith(UNFINISHED))
      await rm(join(dataDir, name), { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  const version = await clusterVersion(cluster);
  if (version === undefined) await initialise(options, cluster);
  else if (version === '')
    throw new PostgresError(
      'data_folder_broken',
      `The data folder ${cluster} is broken (it has no PG_VERSION): restore it or remove it.`,
    );
  else if (version !== MAJOR)
    throw new PostgresError(
      'data_folder_version',
      `The data folder ${cluster} was written by PostgreSQL ${version}, but this is PostgreSQL ${MAJOR}.`,
    );
  await ownTree(cluster, identity.ownerUid);
  return cluster;
}

/** undefined: no cluster; '': a folder without PG_VERSION. */
async function clusterVersion(cluster: string): Promise<string | undefined> {
  try {
    await readdir(cluster);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return (await readFile(join(cluster, 'PG_VERSION'), 'utf8')).trim();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return '';
    throw error;
  }
}

async function initialise(options: ClusterOptions, cluster: string): Promise<void> {
  const { binaries, identity, durable, dataDir, password } = options;
  const work = await mkdtemp(join(dataDir, UNFINISHED));
  const passwordFile = join(work, 'password');
  const fresh = join(work, 'cluster');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  await mkdir(fresh, { mode: 0o700 });
  if (identity.run.uid !== undefined)
    for (const path of [work, passwordFile, fresh])
      await chown(path, identity.run.uid, identity.run.gid ?? identity.run.uid);
  const run = identity.wrap(binaries.initdb, [
    ...['-D', fresh, '-U', SUPERUSER, `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--encoding=UTF8'],
    ...['--locale-provider=builtin', '--locale=C.UTF-8', '--no-instructions', ...(durable ? [] : ['--no-sync'])],
  ]);
  const child = spawn(run.command, run.args, {
    ...identity.run,
    env: serverEnvironment(binaries),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) {
    await rm(work, { recursive: true, force: true });
    throw startFailure(output, 'initdb failed');
  }
  await rename(fresh, cluster);
  if (durable) await syncFolder(dataDir);
  await rm(work, { recursive: true, force: true });
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}

/** Reads what a program of PostgreSQL said before it gave up. */
export function startFailure(output: string, what: string): PostgresError {
  if (saysDiskFull(output))
    return new PostgresError('disk_full', 'The disk is full: PostgreSQL cannot write its data folder.');
  const said = lastWords(output) || (output.trim().split('\n').at(-1) as string) || 'it said nothing';
  const code =
    /database files are incompatible|could not (open|locate|read) .*(control|checkpoint)|invalid (checkpoint|data in)/i.test(
      said,
    )
      ? 'data_folder_broken'
      : 'postgres_start_failed';
  return new PostgresError(code, `PostgreSQL did not start (${what}): ${said}`);
}
