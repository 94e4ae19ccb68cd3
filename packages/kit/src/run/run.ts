// The life of a service process: start, wait for a signal, stop in order, within a deadline.
import closeWithGrace from 'close-with-grace';
import type { Logger } from 'pino';

export type Running = {
  readonly addresses: Readonly<Record<string, string>>;
  /** Milliseconds after which a process that has not stopped is ended; default 20 s. Keep it below the orchestrator's grace period. */
  readonly stopWithinMs?: number;
  readonly stop: () => Promise<void>;
};

/** One thing to stop; `stopInOrder` runs them in the order given. */
export type StopStep = { readonly name: string; readonly stop: () => Promise<void> | void };

/** Stops everything, each step even if one before it failed, and throws the failures at the end. */
export const stopInOrder = async (steps: readonly StopStep[], log: Logger): Promise<void> => {
  const failures: unknown[] = [];
  for (const { name, stop } of steps) {
    const began = performance.now();
    try {
      await stop();
      log.debug({ step: name, ms: Math.round(performance.now() - began) }, 'a step of stopping is done');
    } catch (error) {
      log.error({ err: error, step: name }, 'a step of stopping failed');
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} step(s) of stopping failed`);
};

const sentenceOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Rejects after `stopWithinMs`: what has not stopped by then is ended with the process. */
const stopInTime = async ({ stop, stopWithinMs = 20_000 }: Running, late: () => void): Promise<void> => {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late();
    reject(new Error('not stopped in time'));
  }, stopWithinMs);
  try {
    await Promise.race([stop(), promise]);
  } finally {
    clearTimeout(timer);
  }
};

/**
 * Starts a service, logs its addresses, and stops it on SIGTERM, SIGINT or an uncaught error, at the latest after its `stopWithinMs`.
 * A failed start writes one sentence to stderr and exits with 1.
 */
export const runService = async (options: {
  name: string;
  start: () => Promise<Running>;
  log: Logger;
}): Promise<void> => {
  const { name, start, log } = options;
  let running: Running | undefined;
  const handle = closeWithGrace(
    // How long stopping may take is known only once the service has read its configuration: timed below.
    { delay: false, logger: false },
    async ({ err, signal }) => {
      if (err !== undefined) log.fatal({ err }, `${name} stops after an unexpected error`);
      else log.info({ signal }, `${name} stops`);
      if (running) await stopInTime(running, () => log.error(`${name} did not stop in time`));
      if (err !== undefined) process.exitCode = 1;
    },
  );
  try {
    running = await start();
    const { addresses, stopWithinMs } = running;
    log.info({ addresses, stopWithinMs }, `${name} is up`);
  } catch (error) {
    handle.uninstall();
    log.debug({ err: error }, 'start failed');
    process.stderr.write(`${name} cannot start: ${sentenceOf(error)}\n`);
    process.exit(1);
  }
};
