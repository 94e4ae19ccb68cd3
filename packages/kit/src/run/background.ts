// Bounded background jobs: one run at a time, errors logged and counted, stopped with the service.
import { setTimeout } from 'node:timers/promises';
import type { Logger } from '../telemetry/log.ts';

export type Background = {
  /** Runs `work` now and then every `ms` after it ended. A failing run is logged; the next one comes all the same. */
  readonly every: (ms: number, name: string, work: () => Promise<void>) => void;
  readonly start: () => void;
  /** Resolves when the runs in hand have ended. */
  readonly stop: () => Promise<void>;
};

export const createBackground = (log: Logger): Background => {
  const jobs: { ms: number; name: string; work: () => Promise<void> }[] = [];
  const stopping = new AbortController();
  let loops: Promise<void>[] = [];

  // Ends at once when stopping, also when that came while a job was running; leaves no listener behind.
  const pause = (ms: number) => setTimeout(ms, undefined, { signal: stopping.signal }).catch(() => undefined); // only an abort rejects

  const loop = async (job: (typeof jobs)[number]) => {
    while (!stopping.signal.aborted) {
      await job
        .work()
        .catch((err: unknown) => log.error({ err, job: job.name }, 'a background job failed; it runs again'));
      await pause(job.ms);
    }
  };

  return {
    every: (ms, name, work) => {
      jobs.push({ ms, name, work });
    },
    start: () => {
      loops = jobs.map(loop);
    },
    stop: async () => {
      stopping.abort();
      await Promise.all(loops);
    },
  };
};
