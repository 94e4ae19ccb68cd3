// One scenario: a publishing and a consuming service, a topic and a group of their own, and the wait for quiet.
import { randomBytes } from 'node:crypto';
import type { Database } from '@meridian/kit/db/database.ts';
import { migrate } from '@meridian/kit/db/migrate.ts';
import type { EventBus } from '@meridian/kit/events/event-bus.ts';
import { newId } from '@meridian/kit/ids.ts';
import { sql } from 'kysely';
import { allClosed, withCleanup } from '../cleanup.ts';
import { checkHistory, type HistorySchema, historyMigrations, readChanges, readEffects } from './history.ts';
import type { OwnServer } from './own-server.ts';
import { log, now, openDatabase, region, scenarioLog } from './parts.ts';
import type { BusModule, Transport } from './transport.ts';

export type Stage = {
  source: { url: string; db: Database<HistorySchema> };
  target: { url: string; db: Database<HistorySchema> };
  topic: string;
  group: string;
  bus: EventBus;
  /** Another connection to the same transport, closed with the stage. */
  newBus(): EventBus;
  /** Something with stop(), stopped with the stage. */
  keep<T extends { stop(): Promise<void> }>(part: T): T;
  close(): Promise<void>;
};

export const newAccount = () => newId('acc', region, now());

export const until = async (what: string, patienceMs: number, condition: () => Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    // A database that is being restarted refuses for a moment; the deadline decides.
    const holds = await condition().catch((error: unknown) =>
      performance.now() > deadline ? Promise.reject(error) : false,
    );
    if (holds) return;
    if (performance.now() > deadline) throw new Error(`not within ${patienceMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
};

const openStage = async (server: OwnServer, transport: Transport): Promise<Stage> => {
  const name = randomBytes(4).toString('hex');
  const make = () => server.createDatabase('history', (url) => migrate({ url, migrations: historyMigrations, log }));
  const [sourceUrl, targetUrl] = [await make(), await make()];
  const { createBus } = (await import(transport.module)) as BusModule;
  const buses: EventBus[] = [];
  const parts: { stop(): Promise<void> }[] = [];
  const newBus = () => {
    const bus = createBus(transport.config);
    buses.push(bus);
    return bus;
  };
  const topic = `${region}.${name}.events`;
  await transport.declareTopics?.([topic]);
  const stage: Stage = {
    source: { url: sourceUrl, db: openDatabase(sourceUrl) },
    target: { url: targetUrl, db: openDatabase(targetUrl) },
    topic,
    group: `group-${name}`,
    bus: newBus(),
    newBus,
    keep: (part) => {
      parts.push(part);
      return part;
    },
    close: () =>
      withCleanup(async (defer) => {
        defer(() => allClosed([stage.source, stage.target].map(({ db }) => db.close())));
        defer(() => allClosed(buses.map((bus) => bus.close(5_000))));
        defer(() => allClosed(parts.map((part) => part.stop())));
      }),
  };
  return stage;
};

/** Opens a scenario, runs `play` and closes it. When it fails, what its parts logged last goes to standard error: many faults come once in a hundred runs. */
export const playOnStage = async (
  server: OwnServer,
  transport: Transport,
  play: (stage: Stage) => Promise<void>,
): Promise<void> => {
  scenarioLog.take();
  try {
    await withCleanup(async (defer) => {
      const stage = await openStage(server, transport);
      defer(stage.close);
      await play(stage);
    });
  } catch (error) {
    process.stderr.write(`What the parts of the scenario that failed logged last:\n${scenarioLog.take()}`);
    throw error;
  }
};

/** Outbox empty, lag zero, nothing queued for replay: only then a history may be judged. */
export const quiesce = (stage: Stage, patienceMs: number): Promise<void> =>
  until('quiet', patienceMs, async () => {
    const outbox = await sql`select 1 from outbox limit 1`.execute(stage.source.db.read);
    if (outbox.rows.length > 0) return false;
    const replaying = await sql`select 1 from parked_event where state = 'replaying' limit 1`.execute(
      stage.target.db.read,
    );
    if (replaying.rows.length > 0) return false;
    const lags = await stage.bus.lag(stage.group);
    return lags.length > 0 && lags.every((lag) => lag.records === 0n);
  });

/** Every broken promise of the scenario. */
export const verdict = async (stage: Stage): Promise<string[]> =>
  checkHistory(await readChanges(stage.source.db), await readEffects(stage.target.db));
