// Beside the stream of events: replays what was released or decided, and measures lag and parking.
import { sql } from 'kysely';
import type { KitSchema } from '../db/schema.ts';
import { errorCode } from '../error-code.ts';
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

  const measureParked = async () => {
    const { rows } = await sql<{ state: string; count: bigint }>`
      select state, count(*) as count from parked_event where consumer = ${group} and state in ('parked', 'held', 'replaying') group by state`.execute(
      db.read,
    );
    for (const state of ['parked', 'held', 'replaying'])
      metrics.parkedNow.set({ group, state }, Number(rows.find((row) => row.state === state)?.count ?? 0n));
  };

  const measured = new Set<string>();
  const measureLag = async () => {
    for (const [topic, parts] of Map.groupBy(await bus.lag(group), (lag) => lag.topic)) {
      const oldest = Math.min(...parts.map((lag) => lag.oldest?.getTime() ?? Number.POSITIVE_INFINITY));
      const records = parts.reduce((sum, lag) => sum + Number(lag.records), 0);
      measured.add(topic);
      metrics.eventsLag.set({ group, topic }, records);
      metrics.eventsLagAge.set(
        { group, topic },
        Number.isFinite(oldest) ? Math.max(0, (now().getTime() - oldest) / 1_000) : 0,
      );
    }
  };
  let lagFailures = 0;
  /** Unknown is not the last value: a dashboard must not show a small lag of a bus that does not answer. */
  const lagUnknown = (err: unknown) => {
    for (const topic of measured) {
      metrics.eventsLag.remove({ group, topic });
      metrics.eventsLagAge.remove({ group, topic });
    }
    measured.clear();
    metrics.busFailures.inc({ code: errorCode(err) ?? 'unknown' });
    lagFailures += 1;
    // At once, and then about every two minutes.
    if (lagFailures % 24 === 1)
      log.warn({ err, group, failures: lagFailures }, 'the lag of the consumer cannot be measured');
  };
  const measure = async () => {
    await measureParked();
    await measureLag().then(() => {
      lagFailures = 0;
    }, lagUnknown);
  };

  const run = async () => {
    let at = Number.NEGATIVE_INFINITY;
    while (!stopping.signal.aborted) {
      try {
        await replayAll(options, log, stopping.signal);
        if (performance.now() - at >= measureEveryMs) {
          await measure();
          at = performance.now();
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
