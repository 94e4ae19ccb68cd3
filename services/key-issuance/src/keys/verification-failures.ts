// Verifications that could not be answered. Shedding comes by the thousand: a metric counts all of it, the log gets a line a second.

import { errorCode } from '@meridian/kit/error-code.ts';
import type { Logger } from '@meridian/kit/telemetry/log.ts';
import type { Metrics } from '@meridian/kit/telemetry/metrics.ts';
import { serviceCounter } from '@meridian/kit/telemetry/service-metrics.ts';
import type { BatchError } from './batch-queue.ts';

const reasons: readonly BatchError['code'][] = ['overloaded', 'timeout'];

/** Notes one failure; never throws and never waits. */
export type NoteFailure = (error: unknown) => void;

export const createFailureLog = (options: {
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'registry'>;
  /** Milliseconds between two lines. */
  readonly everyMs?: number;
}): NoteFailure => {
  const { log, everyMs = 1_000 } = options;
  const failed = serviceCounter(options.metrics, {
    name: 'key_verifications_failed_total',
    help: 'Verifications answered 503: shed because too many waited, too late, or failed by the database',
    labelNames: ['reason'],
  });
  let quiet = false;
  let untold = 0;
  let last: unknown;
  const tell = (): void => {
    quiet = untold > 0;
    if (!quiet) return;
    log.error({ err: last, count: untold }, 'keys could not be verified');
    untold = 0;
    last = undefined;
    setTimeout(tell, everyMs).unref();
  };
  return (error) => {
    failed.inc({ reason: reasons.find((reason) => reason === errorCode(error)) ?? 'database' });
    untold += 1;
    last = error;
    if (!quiet) tell();
  };
};
