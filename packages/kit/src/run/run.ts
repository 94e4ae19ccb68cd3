// The life of a service process: start, wait for a signal, stop in order, within a deadline.
import closeWithGrace from 'close-with-grace';
import type { Logger } from 'pino';

export type Running = { readonly addresses: Readonly<Record<string, string>>; readonly stop: () => Promise<void> };

/** One thing to stop; `stopInOrder` runs them in the order given. */
export type StopStep = { readonly name: string; readonly stop: () => Promise<void> | void };

/**
 * Stops everything, each step even if one before it failed, and throws the failures at the end.
 * Order: readiness off, HTTP, consumers after the current message, relay, bus, database.
 */
export const stopInOrder = async (steps: readonly StopStep[], log: Logger): Promise<void> => {
  const failures: unknown[] = [];
  for (const { name, stop } of steps) {
    try {
      await stop();
    } catch (error) {
      log.error({ err: error, step: name }, 'a step of stopping failed');
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} step(s) of stopping failed`);
};

const sentenceOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Starts a service, logs its addresses, and stops it on SIGTERM, SIGINT or an uncaught error, at the latest after `deadlineMs`
 * (default 20 s; keep it below the orchestrator's grace period). A failed start writes one sentence to stderr and exits with 1.
 */
export const runService = async (options: {
  name: string;
  start: () => Promise<Running>;
  log: Logger;
  deadlineMs?: number;
}): Promise<void> => {
  const { name, start, log } = options;
  let running: Running | undefined;
  const handle = closeWithGrace(
    { delay: options.deadlineMs ?? 20_000, logger: false, onTimeout: () => log.error(`${name} did not stop in time`) },
    async ({ err, signal }) => {
      if (err !== undefined) log.fatal({ err }, `${name} stops after an unexpected error`);
      else log.info({ signal }, `${name} stops`);
      await running?.stop();
      if (err !== undefined) process.exitCode = 1;
    },
  );
  try {
    running = await start();
    log.info({ addresses: running.addresses }, `${name} is up`);
  } catch (error) {
    handle.uninstall();
    log.debug({ err: error }, 'start failed');
    process.stderr.write(`${name} cannot start: ${sentenceOf(error)}\n`);
    process.exit(1);
  }
};
