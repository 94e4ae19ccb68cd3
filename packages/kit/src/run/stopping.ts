// In which order a service stops and how long each part may take: nothing is closed that something still at work may need.
import { setTimeout as wait } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import type { HttpServer } from '../http/server.ts';
import type { SharedConfig } from './platform-variables.ts';
import type { StopStep } from './run.ts';

/** What a service of its own does while it stops. */
export type Stopping = {
  /** As the listeners close: ends what keeps requests open, such as waiting polls. */
  readonly closing?: () => void;
  /** Milliseconds that requests in flight get from then on, before their connections are cut; default 10 s. */
  readonly answersMs?: number;
  /** After the last answer, in this order. Other services can still be called, and the database asked. */
  readonly steps?: readonly StopStep[];
  /** Milliseconds that `steps` take at most. */
  readonly stepsMs?: number;
};

const defaultPauseMs = 5_000;
const defaultAnswersMs = 10_000;
/** For background jobs, consumer, relay, bus, calls and database. */
const restMs = 10_000;
/** For calls that are still in flight when nobody waits for them any more. */
const callsMs = 2_000;

/** How long a service is not ready before its listeners close. On one machine nobody distributes requests by readiness. */
export const pauseOf = (config: Pick<SharedConfig, 'MERIDIAN_MODE' | 'STOP_PAUSE_MS'>): number =>
  config.STOP_PAUSE_MS ?? (config.MERIDIAN_MODE === 'embedded' ? 0 : defaultPauseMs);

/** Milliseconds after which a service that has not stopped is ended. */
export const deadlineOf = (pauseMs: number, { answersMs = defaultAnswersMs, stepsMs = 0 }: Stopping): number =>
  pauseMs + answersMs + stepsMs + restMs;

/** Not ready, a pause in which that is seen and requests are served as ever, then the listeners. */
export const httpStep = (
  servers: readonly HttpServer[],
  pauseMs: number,
  stopping: Stopping,
  pause: (ms: number) => Promise<unknown> = wait,
): StopStep => ({
  name: 'http',
  stop: async () => {
    for (const server of servers) server.drain();
    if (pauseMs > 0) await pause(pauseMs);
    stopping.closing?.();
    const answersMs = stopping.answersMs ?? defaultAnswersMs;
    await Promise.all(servers.map((server) => server.close(answersMs)));
  },
});

/** A closed dispatcher refuses further calls: this comes after everything that may make one. */
export const callsStep = (dispatcher: Dispatcher | undefined): StopStep => ({
  name: 'calls',
  stop: async () => {
    const timer = setTimeout(() => void dispatcher?.destroy(), callsMs);
    try {
      await dispatcher?.close();
    } finally {
      clearTimeout(timer);
    }
  },
});
