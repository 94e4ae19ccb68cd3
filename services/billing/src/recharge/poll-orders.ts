// Asks the channels about orders whose end is not known, and closes what expired: at the channel first.
import type { Mismatch } from '../metrics.ts';
import type { Billing } from '../platform.ts';
import type { Channel, Queried } from './channel.ts';
import type { Channels } from './channels.ts';
import { creditOrder } from './credit-order.ts';
import { claimDueOrders, type Order, saveClosed, saveNextQuery } from './order.store.ts';
import { nextQueryAt } from './order.ts';

/** Longer than the two calls that one order may take. */
const leaseMs = 60_000;
const batch = 10;

/** What a person has to look at in an answer, by the reason that the metric of mismatches has for it. */
const alarmOf = (said: Queried): Mismatch | undefined => {
  if (said.kind === 'wrong_merchant') return 'merchant';
  return said.kind === 'paid' && said.refunded ? 'refund' : undefined;
};

/** What the channel says of the order now; an expired one is closed there before it counts as closed. */
const ask = async (channel: Channel, order: Order, at: Date): Promise<Queried> => {
  const orderNo = order.channel_order_no;
  if (at < order.expires_at) return channel.query(orderNo);
  const closed = await channel.close({ orderNo, createdAt: order.created_at });
  return closed.kind === 'paid' ? channel.query(orderNo) : closed;
};

const settleOne = async ({ platform, deps }: Billing, channels: Channels, order: Order): Promise<void> => {
  const channel = channels.get(order.channel);
  if (channel === undefined) {
    platform.log.error(
      { orderId: order.id, channel: order.channel },
      'an order waits for a channel that is not configured',
    );
    return;
  }
  const at = deps.now();
  const said = await ask(channel, order, at);
  const alarm = alarmOf(said);
  if (alarm !== undefined) {
    deps.metrics.mismatched.inc({ channel: order.channel, reason: alarm });
    platform.log.error({ orderId: order.id, reason: alarm }, 'what the channel says of an order needs a person');
  }
  const again = nextQueryAt(order.queries, at, order.expires_at);
  await platform.db.transaction(async (tx) => {
    if (said.kind === 'closed') return saveClosed(tx, order.id, at);
    if (said.kind === 'paid') {
      const { outcome, reason } = await creditOrder(tx, deps, order.channel, said.paid);
      if (outcome !== 'refused') return;
      platform.log.error({ orderId: order.id, reason }, 'a payment of the channel does not fit its order');
    }
    if (said.kind === 'unknown') deps.metrics.channelUnknown.inc({ channel: order.channel, call: 'query' });
    await saveNextQuery(tx, order, again);
  });
};

/** One round over the due orders. Any number of replicas may run it: each order is taken by one. */
export const pollOrders = async (billing: Billing, channels: Channels): Promise<void> => {
  const { platform, deps } = billing;
  const at = deps.now();
  const leaseUntil = new Date(at.getTime() + leaseMs);
  const due = await platform.db.transaction((tx) => claimDueOrders(tx, { at, leaseUntil, limit: batch }));
  const rounds = await Promise.allSettled(due.map((order) => settleOne(billing, channels, order)));
  for (const [place, round] of rounds.entries())
    if (round.status === 'rejected')
      platform.log.error(
        { err: round.reason, orderId: due[place]?.id },
        'an order could not be polled; it is tried again',
      );
};
