import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { lockFolder } from './folder-lock.ts';
import { systemCode } from './postgres-error.ts';
import { postgresImage } from './postgres-image.ts';
import { stopOrphan } from './postmaster.ts';
import { openSocketFolder } from './socket-folder.ts';
import { startPostgres } from './start-postgres.ts';

/** A folder younger than this may belong to a run that has not locked it yet. */
const SWEEP_AFTER_MS = 60_000;
const STOP_MS = 10_000;
const ASK_MS = 240_000;

export type TestServers = { control: string };

type Started = { answer: string; stop(): Promise<void> };

// Testcontainers takes a while to load: a run that asks for no server does not.

/** A container where an engine has the image, else the PostgreSQL that npm carries. */
const startDatabaseServer = async (dataDir: string, log?: { info(message: string): void }): Promise<Started> => {
  const { hasImage } = await import('../containers/container-engine.ts');
  const running = (await hasImage(postgresImage))
    ? await (await import('./postgres-container.ts')).startPostgresContainer()
    : await startPostgres({ dataDir, durable: false, log });
  return { answer: running.adminUrl, stop: () => running.stop() };
};

/** Empty where no engine has the image. */
const startBroker = async (): Promise<Started> => {
  const { kafkaEngineAvailable } = await import('../kafka/kafka-available.ts');
  if (!(await kafkaEngineAvailable())) return { answer: '', stop: async () => undefined };
  const kafka = await (await import('../kafka/start-kafka.ts')).startKafka({ brokers: 1 });
  return { answer: kafka.brokers.join(','), stop: kafka.stop };
};

/**
 * Offers one PostgreSQL and one Kafka broker to all workers of a test run. Each starts when the first test asks, so that runs without it
 * do not pay for it. Workers ask over a unix socket, as they share nothing else with the process that owns the servers.
 */
export async function offerTestServers(parent: string, log?: { info(message: string): void }): Promise<TestServers> {
  await mkdir(parent, { recursive: true, mode: 0o700 });
  await sweep(parent);
  const runFolder = join(parent, randomBytes(4).toString('hex'));
  await mkdir(runFolder, { mode: 0o700 });
  const lock = lockFolder(runFolder);
  const sockets = await openSocketFolder(runFolder);
  const control = join(sockets.path, 'control');
  const started = new Map<string, Promise<Started>>();
  const start: Record<string, () => Promise<Started>> = {
    postgres: () => startDatabaseServer(join(runFolder, 'pg'), log),
    kafka: startBroker,
  };
  const answer = async (question: string): Promise<string> => {
    if (question === 'stop') {
      await Promise.all([...started.values()].map(async (one) => (await one).stop()));
      server.close();
      lock.release();
      await sockets.remove();
      await rm(runFolder, { recursive: true, force: true });
      return 'stopped';
    }
    const begun = started.get(question) ?? start[question]?.();
    if (begun === undefined) throw new Error(`There is no test server "${question}".`);
    started.set(question, begun);
    return (await begun).answer;
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

/**
 * Asks the owner of the test servers. 'postgres' answers the superuser's URL, 'kafka' the brokers (empty where there can be none); both start the
 * server when needed. 'stop' ends them.
 */
export async function askTestServers(control: string, question: 'postgres' | 'kafka' | 'stop'): Promise<string> {
  const text = await new Promise<string>((resolve, reject) => {
    const socket = createConnection(control, () => socket.write(question));
    let received = '';
    socket.setTimeout(ASK_MS, () =>
      socket.destroy(new Error(`The test servers did not answer "${question}" in time.`)),
    );
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
