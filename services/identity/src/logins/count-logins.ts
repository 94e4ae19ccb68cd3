// How logins elsewhere end at their providers, as a figure: an outage of one shows here first.
import type { Metrics } from '@meridian/kit/telemetry/metrics.ts';
import { serviceCounter } from '@meridian/kit/telemetry/service-metrics.ts';
import type { FederatedLogin } from '@meridian/regions/profile.ts';

const outcomes = ['proven', 'login_denied', 'login_unavailable', 'login_failed'] as const;
export type LoginOutcome = (typeof outcomes)[number];
export type CountLogin = (provider: FederatedLogin, outcome: LoginOutcome) => void;

/** `providers`: those of the region, whose figures are there from the start. */
export const createLoginCounter = (
  metrics: Pick<Metrics, 'registry'>,
  providers: Iterable<FederatedLogin>,
): CountLogin => {
  const logins = serviceCounter(metrics, {
    name: 'identity_logins_total',
    help: 'Logins elsewhere by provider and by what its answer was; login_unavailable that grows is an outage there',
    labelNames: ['provider', 'outcome'],
  });
  for (const provider of providers) for (const outcome of outcomes) logins.inc({ provider, outcome }, 0);
  return (provider, outcome) => logins.inc({ provider, outcome });
};
