// Bench "events": from a business transaction's commit to the commit of its effect in another service, at 1,000 events/s, and how fast a backlog
// of 100,000 events drains; on both transports, each service in a process of its own, PostgreSQL with fsync.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate } from '@meridian/kit/db/migrate.ts';
import { createKafkaAdmin } from '@meridian/kit/events/kafka-admin.ts';
import { createKafkaClient } from '@meridian/kit/events/kafka-client.ts';
import { ensureTopics } from '@meridian/kit/events/kafka-topics.ts';
import { migratePostgresBus } from '@meridian/kit/events/postgres-bus.ts';
import { topicPartitions } from '@meridian/kit/events/topics.ts';
import { newId } from '@meridian/kit/ids.ts';
import { historyMigrations } from '@meridian/testkit/event-bus/history.ts';
import { log, now, region, stepTaken } from '@meridian/testkit/event-bus/parts.ts';
import { kafkaEngineAvailable } from '@meridian/testkit/kafka/kafka-available.ts';
import { flushedPerMessage, startKafka } from '@meridian/testkit/kafka/start-kafka.ts';
import { type RunningPostgres, startPostgres } from '@meridian/testkit/postgres/start-postgres.ts';
import pg from 'pg';
import type { Ask, PartOrders, Told } from './events-part.ts';
import { type Figure, figure } from './figure.ts';
import { childrenCpuMs } from './process-cpu.ts';

const perSecond = 1_000;
const seconds = 20;
/** Compilers and caches of all processes, the broker's too, are cold at first. */
const warmUpSeconds = 5;
const backlog = 100_000;
const patienceMs = 180_000;

const script = new URL('./events-part.ts', import.meta.url).pathname;

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

const asAdmin = async <T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
};

const createDatabase = async (postgres: RunningPostgres, name: string): Promise<string> => {
  await asAdmin(postgres.adminUrl, (client) => client.query(`create database ${name}`));
  return postgres.url(name);
};

/** Writes the outbox as that many committed business transactions would have left it. */
const fillOutbox = (url: string) =>
  asAdmin(url, async (client) => {
    const accounts = Array.from({ length: 1_000 }, () => newId('acc', region, now()));
    const ids: string[] = [];
    for (let seq = 1; seq <= backlog / accounts.length; seq += 1) {
      const rows = accounts.map((account) => {
        const id = newId('evt', region, now());
        ids.push(id);
        return {
          specversion: '1.0',
          id,
          source: `${region}/identity`,
          type: stepTaken.type,
          subject: account,
          time: now().toISOString(),
          datacontenttype: 'application/json',
          region,
          partitionkey: account,
          accountseq: seq,
          data: { n: seq },
        };
      });
      await client.query(
        'insert into outbox (event_id, account_id, type, payload) select * from unnest($1::text[], $2::text[], $3::text[], $4::text[])',
        [
          rows.map(({ id }) => id),
          rows.map(({ subject }) => subject),
          rows.map(({ type }) => type),
          rows.map((row) => JSON.stringify(row)),
        ],
      );
    }
    return ids;
  });

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;

type Ground = {
  name: string;
  postgres: RunningPostgres;
  busUrl: string;
  declareTopic: (topic: string) => Promise<void>;
  progress: (line: string) => void;
};

/** Two services with databases and a topic of their own; `play` gets them with a record of what was applied when. */
const withServices = async <T>(
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

const measureLatency = (ground: Ground) =>
  withServices(ground, 'latency', async ({ publishing, startConsuming, published, applied, until, consumedMs }) => {
    publishing.ask({ ask: 'relay' });
    await startConsuming();
    /** Sends at the rate and waits for the last effect. */
    const run = async (runSeconds: number) => {
      const former = published();
      publishing.ask({ ask: 'publish', perSecond, seconds: runSeconds });
      await until('publishing', () => published() !== former);
      const told = published();
      if (!told) throw new Error('unreachable');
      await until('the last effect', () => told.at.every(([id]) => applied.has(id)));
      return told;
    };
    await run(warmUpSeconds);
    const before = { consuming: consumedMs(), postgres: childrenCpuMs(ground.postgres.pid) };
    const sent = await run(seconds);
    const ms = sent.at.map(([id, at]) => Math.max(0, (applied.get(id) ?? Number.NaN) - at)).sort((a, b) => a - b);
    const each = (total: number) => total / sent.at.length;
    const cpu = {
      publishing: each(sent.cpuMs),
      consuming: each(consumedMs() - before.consuming),
      postgres: each(childrenCpuMs(ground.postgres.pid) - before.postgres),
    };
    const rate = sent.at.length / sent.seconds;
    ground.progress(
      `${ground.name}: ${sent.at.length} events at ${rate.toFixed(0)}/s, p50 ${percentile(ms, 0.5).toFixed(1)} ms, p99 ${percentile(ms, 0.99).toFixed(1)} ms, longest ${ms.at(-1)?.toFixed(0)} ms`,
    );
    return [
      figure('events', `${ground.name}_rate`, [rate], 'events/s', `>= ${perSecond * 0.95}`),
      figure('events', `${ground.name}_commit_to_effect_p50`, [percentile(ms, 0.5)], 'ms', null),
      figure('events', `${ground.name}_commit_to_effect_p99`, [percentile(ms, 0.99)], 'ms', '<= 300'),
      ...Object.entries(cpu).map(([who, spent]) =>
        figure('events', `${ground.name}_cpu_${who}`, [spent], 'ms/event', null),
      ),
    ];
  });

const measureDrain = (ground: Ground) =>
  withServices(ground, 'drain', async ({ publishing, startConsuming, sourceUrl, applied, until }) => {
    const ids = await fillOutbox(sourceUrl);
    const began = performance.now();
    publishing.ask({ ask: 'relay' });
    await startConsuming();
    await until('the drain', () => applied.size >= ids.length);
    const took = (performance.now() - began) / 1_000;
    if (!ids.every((id) => applied.has(id))) throw new Error('an event of the backlog did not take effect');
    ground.progress(`${ground.name}: ${ids.length} events drained in ${took.toFixed(1)} s`);
    return [
      figure('events', `${ground.name}_drain_100000`, [took], 's', null),
      figure('events', `${ground.name}_drain_rate`, [ids.length / took], 'events/s', null),
    ];
  });

/** One run of each figure: about two minutes per transport. */
export const eventsBench = async (progress: (line: string) => void): Promise<Figure[]> => {
  if (!(await kafkaEngineAvailable()))
    throw new Error('the figures of Kafka need a container engine with the image: npm run images');
  const folder = mkdtempSync(join(tmpdir(), 'meridian-bench-'));
  const figures: Figure[] = [];
  try {
    const postgres = await startPostgres({ dataDir: join(folder, 'pg'), durable: true });
    try {
      const busUrl = await createDatabase(postgres, 'bus');
      await migratePostgresBus({ url: busUrl, log });
      const embedded: Ground = { name: 'postgres', postgres, busUrl, declareTopic: async () => undefined, progress };
      figures.push(...(await measureLatency(embedded)), ...(await measureDrain(embedded)));

      // With the setting of a production node, which has the disk's time in every figure.
      const kafka = await startKafka({ brokers: 1, settings: flushedPerMessage });
      const admin = createKafkaAdmin(createKafkaClient({ brokers: kafka.brokers, clientId: 'bench', log }));
      try {
        const declareTopic = async (name: string) =>
          void (await ensureTopics(admin, [{ name, partitions: topicPartitions, retentionMs: -1, cleanup: 'delete' }]));
        const url = `kafka://${kafka.brokers.join(',')}`;
        const production: Ground = { name: 'kafka', postgres, busUrl: url, declareTopic, progress };
        figures.push(...(await measureLatency(production)), ...(await measureDrain(production)));
      } finally {
        await admin.close(2_000);
        await kafka.stop();
      }
    } finally {
      await postgres.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return figures;
};
