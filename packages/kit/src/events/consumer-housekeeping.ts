// Beside the stream of events: replays what was released or decided, and measures lag and parking.
import { sql } from 'kysely';
import type { KitSchema } from '../db/schema.ts';
import { errorCode } from '../error-code.ts';
import type { Now } from '../ids.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { ApplyDeps } from './apply-event.ts';
import type { EventBus } from './event-bus.ts';
import { openStates, takeUpUnknown } from './parking.ts';
import { replayAll } from './replay.ts';
import { createBell, wait } from './wait.ts';

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
  let running: Promise<unknown> | undefined;

  const measureParked = async () => {
    const { rows } = await sql<{ state: string; count: bigint }>`
      select state, count(*) as count from parked_event where consumer = ${group} and state = any(${[...openStates]}) group by state`.execute(
      db.read,
    );
    for (const state of openStates)
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
  const replay = async () => {
    await takeUpUnknown(db, options);
    await replayAll(options, log, stopping.signal);
  };

  const repeat = async (step: () => Promise<void>, pause: () => Promise<void>) => {
    while (!stopping.signal.aborted) {
      await step().catch((err: unknown) =>
        log.warn({ err, group }, 'housekeeping of the consumer failed, will be repeated'),
      );
      if (!stopping.signal.aborted) await pause();
    }
  };
  // Beside each other: a replay that takes long must not freeze what an operator looks at meanwhile.
  const run = () =>
    Promise.all([
      repeat(replay, () => bell.wait(everyMs)),
      repeat(measure, () => wait(measureEveryMs, stopping.signal)),
    ]);

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
