// Moves committed events from the outbox to the bus. One leader per database; rows leave the outbox only after the bus has them, and are then kept for
// some days in a table of their own, to be sent again if the bus loses them.
import type pg from 'pg';
import type { Database } from '../db/database.ts';
import type { KitSchema } from '../db/schema.ts';
import { errorCode } from '../error-code.ts';
import { type Hit, noFailpoints } from '../failpoints.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { EventBus } from './event-bus.ts';
import { moveToPublished, prunePublished } from './published.ts';
import { backOff, createBell, wait } from './wait.ts';

export type RelayOptions<S extends KitSchema> = {
  db: Database<S>;
  bus: EventBus;
  topic: string;
  log: Logger;
  metrics: Metrics;
  /** Default 200 ms; a commit of this process is noticed at once. */
  pollMs?: number;
  hit?: Hit;
};

export type Relay = {
  start(): void;
  /** There may be something to relay. */
  poke(): void;
  /** Resolves after the batch in hand; the next leader takes over at once. */
  stop(): Promise<void>;
};

// Session lock of the leader; advisory locks are per database, so one constant serves every service.
const lockKey = 7_205_113;
const batchSize = 200;
// Pokes come with every commit; batches are at least this far apart, so that a busy service does not poll per commit. The more the last one held, the
// longer the next one gathers: of a busy service every send then carries several events of a partition, a lone event waits 5 ms.
const breathMs = (moved: number): number => Math.min(50, Math.max(5, 2 * moved));
const measureMs = 2_000;
// Of a larger backlog the age tells more than the number, and a count of millions would hold up the relay that has to send them.
const mostCounted = 100_000;
const pruneMs = 60_000;

type Row = { id: bigint; event_id: string; account_id: string; payload: string };

/** A relay for the outbox of `db`. Publish failures are retried for ever: an event is never skipped. */
export const createRelay = <S extends KitSchema>(options: RelayOptions<S>): Relay => {
  const { db, bus, topic, log, metrics } = options;
  const pollMs = options.pollMs ?? 200;
  const hit = options.hit ?? noFailpoints;
  const bell = createBell();
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let forget: (() => void) | undefined;

  /** One batch on the connection that holds the lock; if that connection died, the delete fails and the batch is sent again. */
  const relayBatch = async (client: pg.Client): Promise<number> => {
    const { rows } = await client.query<Row>(
      'select id, event_id, account_id, payload from outbox order by id limit $1',
      [batchSize],
    );
    if (rows.length === 0) return 0;
    await hit('before-publish');
    const records = rows.map((row) => ({ topic, key: row.account_id, eventId: row.event_id, payload: row.payload }));
    await bus.publish(records).catch((error: unknown) => {
      metrics.busFailures.inc({ code: errorCode(error) ?? 'unknown' });
      throw error;
    });
    await hit('after-publish');
    await hit('before-delete');
    await moveToPublished(
      client,
      rows.map((row) => row.id),
    );
    metrics.relayPublished.inc(rows.length);
    return rows.length;
  };

  const measure = async (client: pg.Client) => {
    const { rows } = await client.query<{ depth: bigint; age: number | null }>(
      `select (select count(*) from (select from outbox limit ${mostCounted}) counted) as depth,
         (select extract(epoch from clock_timestamp() - created_at)::float8 from outbox order by id limit 1) as age`,
    );
    metrics.outboxDepth.set(Number(rows[0]?.depth ?? 0n));
    metrics.outboxOldestAge.set(rows[0]?.age ?? 0);
  };

  /** What is done beside the work, and must not end it. */
  const aside = (what: string, work: Promise<void>): Promise<void> =>
    work.catch((err: unknown) => log.warn({ err, topic }, `${what} failed, will be repeated`));

  const lead = async (client: pg.Client) => {
    let measured = 0;
    let pruned = 0;
    let moreToPrune = true;
    let failures = 0;
    // What is left is pruned after the next batch: the rows that leave keep up with those that come, and no batch waits for more than one statement.
    const prune = async () => {
      moreToPrune = await prunePublished(client);
    };
    while (!stopping.signal.aborted) {
      if (performance.now() - measured > measureMs) {
        await aside('measuring the outbox', measure(client));
        measured = performance.now();
      }
      if (moreToPrune || performance.now() - pruned > pruneMs) {
        moreToPrune = false;
        await aside('pruning published events', prune());
        pruned = performance.now();
      }
      let moved = 0;
      try {
        moved = await relayBatch(client);
        failures = 0;
      } catch (err) {
        failures += 1;
        metrics.relayFailures.inc();
        log.error({ err, topic, failures }, 'relay of a batch failed, will be repeated');
        // If our own connection is gone, so is the lock: this throws and leadership ends.
        await client.query('select 1');
        await wait(backOff(failures, 100, 10_000), stopping.signal);
        continue;
      }
      if (moved === batchSize) continue;
      await bell.wait(pollMs);
      await wait(breathMs(moved), stopping.signal);
    }
  };

  const term = async () => {
    const client = db.dedicated('relay');
    client.on('error', (err) => log.warn({ err, topic }, 'connection of the relay lost'));
    try {
      await client.connect();
      const tryLock = async () =>
        (await client.query<{ held: boolean }>('select pg_try_advisory_lock($1) as held', [lockKey])).rows[0]?.held ??
        false;
      while (!stopping.signal.aborted && !(await tryLock())) await wait(500, stopping.signal);
      if (stopping.signal.aborted) return;
      metrics.relayLeader.set(1);
      log.info({ topic }, 'relay leads');
      await lead(client);
    } finally {
      metrics.relayLeader.set(0);
      // The backlog is told by who leads; what this one saw last would stay as an alarm for ever.
      metrics.outboxDepth.set(0);
      metrics.outboxOldestAge.set(0);
      // Already gone, or no longer answering: the session lock goes with the connection.
      await Promise.race([client.end().catch(() => undefined), wait(1_000)]);
    }
  };

  return {
    start: () => {
      if (running) return;
      forget = db.onCommit(bell.ring);
      running = (async () => {
        let failures = 0;
        while (!stopping.signal.aborted) {
          const began = performance.now();
          try {
            await term();
          } catch (err) {
            failures = performance.now() - began > 10_000 ? 1 : failures + 1;
            log.warn({ err, topic, failures }, 'relay lost its connection, will connect again');
            await wait(backOff(failures, 100, 5_000), stopping.signal);
          }
        }
      })();
    },
    poke: bell.ring,
    stop: async () => {
      stopping.abort();
      forget?.();
      bell.ring();
      await running;
    },
  };
};
