import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { lockFolder } from './folder-lock.ts';
import { systemCode } from './postgres-error.ts';
import { stopOrphan } from './postmaster.ts';
import { openSocketFolder } from './socket-folder.ts';
import { type RunningPostgres, startPostgres } from './start-postgres.ts';

/** A folder younger than this may belong to a run that has not locked it yet. */
const SWEEP_AFTER_MS = 60_000;
const STOP_MS = 10_000;
const ASK_MS = 90_000;

export type TestServer = { control: string };

/**
 * Offers one embedded PostgreSQL to all workers of a test run. It starts when the first test asks, so that runs without a database
 * do not pay for it. Workers ask over a unix socket, as they share nothing else with the process that owns the server.
 */
export async function offerTestServer(parent: string, log?: { info(message: string): void }): Promise<TestServer> {
  await mkdir(parent, { recursive: true, mode: 0o700 });
  await sweep(parent);
  const runFolder = join(parent, randomBytes(4).toString('hex'));
  await mkdir(runFolder, { mode: 0o700 });
  const lock = lockFolder(runFolder);
  const sockets = await openSocketFolder(runFolder);
  const control = join(sockets.path, 'control');
  let starting: Promise<RunningPostgres> | undefined;
  const answer = async (question: string): Promise<string> => {
    if (question === 'stop') {
      await starting?.then((running) => running.stop());
      server.close();
      lock.release();
      await sockets.remove();
      await rm(runFolder, { recursive: true, force: true });
      return 'stopped';
    }
    starting ??= startPostgres({ dataDir: join(runFolder, 'pg'), durable: false, log });
    return (await starting).adminUrl;
  };
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (question) => {
      answer(question.toString()).then(
        (text) => socket.end(`ok ${text}`),
        (error: unknown) => socket.end(error instanceof Error ? error.message : String(error)),
      );
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(control, resolve);
  });
  server.unref();
  return { control };
}

/** Asks the owner of a test server: 'url' answers the superuser's URL and starts the server when needed, 'stop' ends it. */
export async function askTestServer(control: string, question: 'url' | 'stop'): Promise<string> {
  const text = await new Promise<string>((resolve, reject) => {
    const socket = createConnection(control, () => socket.write(question));
    let received = '';
    socket.setTimeout(ASK_MS, () => socket.destroy(new Error(`The test server did not answer "${question}" in time.`)));
    socket.on('data', (chunk) => {
      received += chunk.toString();
    });
    socket.on('error', reject);
    socket.on('end', () => resolve(received));
  });
  if (!text.startsWith('ok ')) throw new Error(text);
  return text.slice(3);
}

/** Removes what killed runs left behind, with its servers. */
async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const folder = join(parent, name);
    try {
      if (Date.now() - (await stat(folder)).mtimeMs < SWEEP_AFTER_MS) continue;
      const lock = lockFolder(folder);
      await stopOrphan(join(folder, 'pg', 'cluster'), STOP_MS);
      lock.release();
      await rm(folder, { recursive: true, force: true });
    } catch (error) {
      // Another run is alive in it, or sweeps it too.
      const code = systemCode(error);
      if (code !== 'data_folder_in_use' && code !== 'ENOENT') throw error;
    }
  }
}
