import { isCancelled } from '../account/cancelled-account.ts';
import type { BillingDeps, BillingTx } from '../deps.ts';
import { isPseudonym } from '../pseudonym.ts';
import type { Notification } from './channel.ts';
import { receiveChannelEvent, saveOutcome } from './channel-event.store.ts';
import { type Credit, creditOrder } from './credit-order.ts';
import { findOrderByNo } from './order.store.ts';

/** Whether the order's account is erased; if it is not, it cannot be until the transaction ends. */
const isErased = async (tx: BillingTx, channel: string, orderNo: string): Promise<boolean> => {
  const order = await findOrderByNo(tx, channel, orderNo);
  if (order === undefined) return false;
  await isCancelled(tx, order.account_id);
  const now = await findOrderByNo(tx, channel, orderNo);
  return now !== undefined && isPseudonym(now.account_id);
};

export type Receipt = { readonly outcome: Credit['outcome'] | 'noted'; readonly reason: string | null };

/**
 * Handles a message whose signature was verified: once per event id. A statement that fits no order is recorded as refused, and looked
 * at again when the channel repeats it; the transaction must commit for that too. `sealed` is the encrypted message; of an erased account
 * it is not kept.
 */
export const receiveNotification = async (
  tx: BillingTx,
  deps: BillingDeps,
  command: { channel: string; notification: Notification; sealed: Buffer },
): Promise<Receipt> => {
  const { channel, notification, sealed } = command;
  const { eventId, kind, orderNo, paid } = notification;
  const erased = orderNo !== undefined && (await isErased(tx, channel, orderNo));
  const body = erased ? Buffer.alloc(0) : sealed;
  const handled = await receiveChannelEvent(tx, { channel, eventId, kind, orderNo, body, at: deps.now() });
  if (handled !== undefined) return { outcome: 'repeated', reason: null };
  if (paid === undefined) return { outcome: 'noted', reason: null };
  const { outcome, reason } = await creditOrder(tx, deps, channel, paid);
  await saveOutcome(tx, { channel, eventId, outcome, reason });
  return { outcome, reason };
};
