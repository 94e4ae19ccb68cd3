// The proof that nothing is left of erased accounts, and the figures by which an operator sees what it found and when.
import type { Now } from '@meridian/kit/ids.ts';
import type { Logger } from '@meridian/kit/telemetry/log.ts';
import type { Metrics } from '@meridian/kit/telemetry/metrics.ts';
import { serviceGauge } from '@meridian/kit/telemetry/service-metrics.ts';

type Proof = {
  /** Rows that are left, by table. */
  readonly sweep: () => Promise<Record<string, number>>;
  readonly now: Now;
  readonly log: Logger;
  readonly metrics: Metrics;
};

/** The job. A sweep that cannot be finished throws and leaves the figures: an alarm stays, and their age tells that nothing is proven any more. */
export const createErasureProof = ({ sweep, now, log, metrics }: Proof): (() => Promise<void>) => {
  const leftovers = serviceGauge(metrics, {
    name: 'identity_erasure_leftovers',
    help: 'ALARM: rows of erased accounts in tables that must hold none; of the last complete sweep',
    labelNames: ['table'],
  });
  const provenAt = serviceGauge(metrics, {
    name: 'identity_erasure_proven_timestamp_seconds',
    help: 'ALARM when long ago: start of the last sweep that went through all tables; 0: none did',
  });
  return async () => {
    const startedAt = now();
    const left = await sweep();
    leftovers.reset();
    for (const [table, count] of Object.entries(left)) leftovers.set({ table }, count);
    provenAt.set(startedAt.getTime() / 1000);
    if (Object.keys(left).length > 0) log.error({ left }, 'rows of erased accounts were found');
  };
};
