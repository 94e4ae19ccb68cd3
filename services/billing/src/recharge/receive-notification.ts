import type { BillingDeps, BillingTx } from '../deps.ts';
import type { Notification } from './channel.ts';
import { receiveChannelEvent, saveOutcome } from './channel-event.store.ts';
import { type Credit, creditOrder } from './credit-order.ts';

export type Receipt = { readonly outcome: Credit['outcome'] | 'noted'; readonly reason: string | null };

/**
 * Handles a message whose signature was verified: once per event id. A statement that fits no order is recorded as refused, and looked
 * at again when the channel repeats it; the transaction must commit for that too. `sealed` is the encrypted message.
 */
export const receiveNotification = async (
  tx: BillingTx,
  deps: BillingDeps,
  command: { channel: string; notification: Notification; sealed: Buffer },
): Promise<Receipt> => {
  const { channel, notification, sealed } = command;
  const { eventId, kind, orderNo, paid } = notification;
  const handled = await receiveChannelEvent(tx, { channel, eventId, kind, orderNo, body: sealed, at: deps.now() });
  if (handled !== undefined) return { outcome: 'repeated', reason: null };
  if (paid === undefined) return { outcome: 'noted', reason: null };
  const { outcome, reason } = await creditOrder(tx, deps, channel, paid);
  await saveOutcome(tx, { channel, eventId, outcome, reason });
  return { outcome, reason };
};
