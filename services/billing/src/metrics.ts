// Figures an operator watches. ALARM in the help text: anything above zero needs a person.
import type { Metrics } from '@meridian/kit/telemetry/metrics.ts';

export type BillingMetrics = ReturnType<typeof createBillingMetrics>;

export const createBillingMetrics = ({ counter, gauge }: Metrics) => ({
  unprovenBalances: gauge(
    'billing_unproven_balances',
    'ALARM: balances that are not the sum of their entries, or whose held amount is not the sum of the open holds',
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
    'ALARM: charges above the stated overrun or of a cancelled account, written off',
    [],
  ),
});
