// Beside the stream of events: replays what was released or decided, and measures lag and parking.
import { sql } from 'kysely';
import type { KitSchema } from '../db/schema.ts';
import type { Now } from '../ids.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { ApplyDeps } from './apply-event.ts';
import type { EventBus } from './event-bus.ts';
import { replayAll } from './replay.ts';
import { createBell } from './wait.ts';

type Options<S extends KitSchema> = ApplyDeps<S> & {
  bus: EventBus;
  log: Logger;
  metrics: Metrics;
  now: Now;
  everyMs: number;
};

const measureEveryMs = 5_000;

export const createHousekeeping = <S extends KitSchema>(options: Options<S>) => {
  const { db, bus, consumer: group, log, metrics, now, everyMs } = options;
  const bell = createBell();
  const stopping = new AbortController();
  let running: Promise<void> | undefined;

  const measure = async () => {
    const { rows } = await sql<{ state: string; count: bigint }>`
      select state, count(*) as count from parked_event where consumer = ${group} and state in ('parked', 'held', 'replaying') group by state`.execute(
      db.read,
    );
    for (const state of ['parked', 'held', 'replaying'])
      metrics.parkedNow.set({ group, state }, Number(rows.find((row) => row.state === state)?.count ?? 0n));
    for (const [topic, parts] of Map.groupBy(await bus.lag(group), (lag) => lag.topic)) {
      const oldest = Math.min(...parts.map((lag) => lag.oldest?.getTime() ?? Number.POSITIVE_INFINITY));
      metrics.eventsLag.set(
        { group, topic },
        parts.reduce((sum, lag) => sum + Number(lag.records), 0),
      );
      metrics.eventsLagAge.set(
        { group, topic },
        Number.isFinite(oldest) ? Math.max(0, (now().getTime() - oldest) / 1_000) : 0,
      );
    }
  };

  const run = async () => {
    let measured = Number.NEGATIVE_INFINITY;
    while (!stopping.signal.aborted) {
      try {
        await replayAll(options, log, stopping.signal);
        if (performance.now() - measured >= measureEveryMs) {
          await measure();
          measured = performance.now();
        }
      } catch (err) {
        log.warn({ err, group }, 'housekeeping of the consumer failed, will be repeated');
      }
      if (!stopping.signal.aborted) await bell.wait(everyMs);
    }
  };

  return {
    start: () => {
      running ??= run();
    },
    /** Something was released for replay. */
    poke: bell.ring,
    stop: async () => {
      stopping.abort();
      bell.ring();
      await running;
    },
  };
};
