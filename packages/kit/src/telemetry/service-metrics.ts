// Metrics that one service declares beside the platform's own, in the same registry.
import { Counter, Gauge } from 'prom-client';
import type { Metrics } from './metrics.ts';

type Description<L extends string> = {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly L[];
};

/** Call it once per registry and name. Never label by account id. */
export const serviceCounter = <L extends string = never>(
  metrics: Pick<Metrics, 'registry'>,
  { name, help, labelNames = [] }: Description<L>,
): Counter<L> => new Counter({ name, help, labelNames: [...labelNames], registers: [metrics.registry] });

export const serviceGauge = <L extends string = never>(
  metrics: Pick<Metrics, 'registry'>,
  { name, help, labelNames = [], collect }: Description<L> & { readonly collect?: (gauge: Gauge<L>) => void },
): Gauge<L> => {
  const gauge: Gauge<L> = new Gauge({
    name,
    help,
    labelNames: [...labelNames],
    registers: [metrics.registry],
    // Called whenever the registry is read.
    ...(collect && { collect: () => collect(gauge) }),
  });
  return gauge;
};
