// Figures an operator watches. ALARM in the help text: anything above zero needs a person, and a rule of infra/observability tells one.
import type { Metrics } from '@meridian/kit/telemetry/metrics.ts';

export type BillingMetrics = ReturnType<typeof createBillingMetrics>;

/** A figure that is not known before it was first counted: NaN, which is neither zero nor an alarm. */
const unknownYet = (gauge: ReturnType<Metrics['gauge']>) => {
  gauge.set(Number.NaN);
  return gauge;
};

const declare = ({ counter, gauge }: Metrics) => ({
  unprovenBalances: unknownYet(
    gauge(
      'billing_unproven_balances',
      'ALARM: balances that are not the sum of their entries, or whose held amount is not the sum of the open holds; of the last complete proof',
      [],
    ),
  ),
  balancesProvenAt: gauge(
    'billing_balances_proven_timestamp_seconds',
    'ALARM when long ago: start of the last proof that went through all balances; 0: none did',
    [],
  ),
  credited: counter('billing_orders_credited_total', 'Recharge orders credited', ['channel']),
  suspense: counter('billing_suspense_payments_total', 'ALARM: payments of cancelled accounts, booked to suspense', [
    'channel',
  ]),
  notifications: counter('billing_channel_notifications_total', 'Notifications of payment channels by outcome', [
    'channel',
    'outcome',
  ]),
  mismatched: counter(
    'billing_channel_mismatches_total',
    'ALARM: signed statements of a channel that fit no order, or not its amount, currency or merchant',
    ['channel', 'reason'],
  ),
  channelUnknown: counter('billing_channel_unknown_total', 'Channel calls whose outcome is not known yet', [
    'channel',
    'call',
  ]),
  holdsExpired: counter('billing_holds_expired_total', 'Holds closed by their deadline', []),
  holdsStuck: counter('billing_hold_expiry_failures_total', 'ALARM: overdue holds that could not be closed', []),
  writtenOff: counter(
    'billing_write_offs_total',
    'Charges above the stated overrun, or above the hold of a cancelled account, written off; many of them: a gateway delivers more than it holds for',
    [],
  ),
});

/** In what a signed statement of a channel differs from the books. */
export const mismatches = ['unknown_order', 'amount', 'currency', 'second_payment', 'merchant', 'refund'] as const;
export type Mismatch = (typeof mismatches)[number];

/** `channels`: those of the region. Counted from zero, since a series that begins with its first event shows no increase. */
export const createBillingMetrics = (metrics: Metrics, channels: readonly string[]) => {
  const figures = declare(metrics);
  for (const channel of channels) {
    figures.suspense.inc({ channel }, 0);
    for (const reason of mismatches) figures.mismatched.inc({ channel, reason }, 0);
  }
  return figures;
};
