// Two services of the bench "events" in processes of their own, on a transport, with databases and a topic to themselves.
import { type ChildProcess, spawn } from 'node:child_process';
import { migrate } from '@meridian/kit/db/migrate.ts';
import { historyMigrations } from '@meridian/testkit/event-bus/history.ts';
import { log, region } from '@meridian/testkit/event-bus/parts.ts';
import type { RunningPostgres } from '@meridian/testkit/postgres/start-postgres.ts';
import pg from 'pg';
import type { Ask, PartOrders, Told } from '../events-part.ts';

const patienceMs = 180_000;
const script = new URL('../events-part.ts', import.meta.url).pathname;

/** A service in a process of its own. */
const startPart = async (orders: PartOrders, heard: (told: Told) => void) => {
  const child: ChildProcess = spawn(process.execPath, [script, JSON.stringify(orders)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  let failure: Error | undefined;
  const ended = new Promise<void>((resolve) =>
    child.once('exit', (code) => {
      failure = new Error(`the ${orders.part} service ended with ${code}`);
      resolve();
    }),
  );
  await new Promise<void>((resolve, reject) => {
    child.on('message', (told: Told) => (told.told === 'ready' ? resolve() : heard(told)));
    child.once('exit', (code) => reject(new Error(`the ${orders.part} service ended with ${code}`)));
  });
  return {
    failed: () => failure,
    ask: (message: Ask) => void child.send(message),
    stop: async () => {
      if (child.connected) child.send({ ask: 'stop' } satisfies Ask);
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(timer);
    },
  };
};

const untilDone = async (what: string, parts: readonly { failed(): Error | undefined }[], done: () => boolean) => {
  const deadline = performance.now() + patienceMs;
  while (!done()) {
    for (const part of parts) {
      const failure = part.failed();
      if (failure) throw failure;
    }
    if (performance.now() > deadline) throw new Error(`${what}: not done within ${patienceMs / 1_000} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

export const asAdmin = async <T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
};

export const createDatabase = async (postgres: RunningPostgres, name: string): Promise<string> => {
  await asAdmin(postgres.adminUrl, (client) => client.query(`create database ${name}`));
  return postgres.url(name);
};

export type Ground = {
  name: string;
  postgres: RunningPostgres;
  busUrl: string;
  declareTopic: (topic: string) => Promise<void>;
  progress: (line: string) => void;
};

/** Two services with databases and a topic of their own; `play` gets them with a record of what was applied when. */
export const withServices = async <T>(
  { name, postgres, busUrl, declareTopic }: Ground,
  scene: string,
  play: (stage: {
    publishing: Awaited<ReturnType<typeof startPart>>;
    startConsuming: () => Promise<void>;
    sourceUrl: string;
    published: () => Extract<Told, { told: 'published' }> | undefined;
    applied: ReadonlyMap<string, number>;
    until: (what: string, done: () => boolean) => Promise<void>;
    /** Processor time of the consuming service so far, in ms. */
    consumedMs: () => number;
  }) => Promise<T>,
): Promise<T> => {
  const topic = `${region}.${scene}.events`;
  await declareTopic(topic);
  const [sourceUrl, targetUrl] = [
    await createDatabase(postgres, `${name}_${scene}_source`),
    await createDatabase(postgres, `${name}_${scene}_target`),
  ];
  for (const url of [sourceUrl, targetUrl]) await migrate({ url, migrations: historyMigrations, log });
  const applied = new Map<string, number>();
  let published: Extract<Told, { told: 'published' }> | undefined;
  let consumed = 0;
  const parts: Awaited<ReturnType<typeof startPart>>[] = [];
  const start = async (part: PartOrders['part'], databaseUrl: string) => {
    const started = await startPart({ part, databaseUrl, busUrl, topic }, (told) => {
      if (told.told === 'published') published = told;
      if (told.told === 'applied') consumed = told.cpuMs;
      if (told.told === 'applied') for (const [id, ms] of told.at) if (!applied.has(id)) applied.set(id, ms);
    });
    parts.push(started);
    return started;
  };
  try {
    const publishing = await start('publishing', sourceUrl);
    const startConsuming = async () => void (await start('consuming', targetUrl));
    const until = (what: string, done: () => boolean) => untilDone(what, parts, done);
    return await play({
      publishing,
      startConsuming,
      sourceUrl,
      published: () => published,
      applied,
      until,
      consumedMs: () => consumed,
    });
  } finally {
    await Promise.all(parts.map((part) => part.stop()));
  }
};
