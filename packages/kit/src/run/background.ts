// Bounded background jobs: one run at a time, failures logged and told as a metric, stopped with the service.
import { setTimeout } from 'node:timers/promises';
import type { Logger } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

export type Background = {
  /**
   * Runs `work` now and then every `ms` after it ended; at once if it answers true: it did its share, and there may be more. A failing run is
   * logged and seen in the metrics; the next one comes all the same.
   */
  readonly every: (ms: number, name: string, work: () => Promise<void> | Promise<boolean>) => void;
  readonly start: () => void;
  /** Resolves when the runs in hand have ended. */
  readonly stop: () => Promise<void>;
};

export const createBackground = (log: Logger, { jobFailing }: Pick<Metrics, 'jobFailing'>): Background => {
  const jobs: { ms: number; name: string; work: () => Promise<void> | Promise<boolean> }[] = [];
  const stopping = new AbortController();
  let loops: Promise<void>[] = [];

  // Ends at once when stopping, also when that came while a job was running; leaves no listener behind.
  const pause = (ms: number) => setTimeout(ms, undefined, { signal: stopping.signal }).catch(() => undefined); // only an abort rejects

  const run = async ({ name, work }: (typeof jobs)[number]): Promise<boolean> => {
    try {
      const more = await work();
      jobFailing.set({ name }, 0);
      return more === true;
    } catch (err) {
      log.error({ err, job: name }, 'a background job failed; it runs again');
      jobFailing.set({ name }, 1);
      return false;
    }
  };

  const loop = async (job: (typeof jobs)[number]) => {
    while (!stopping.signal.aborted) if (!(await run(job))) await pause(job.ms);
  };

  return {
    every: (ms, name, work) => {
      jobs.push({ ms, name, work });
      jobFailing.set({ name }, 0);
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
