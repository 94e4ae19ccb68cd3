import { isCancelled } from '../account/cancelled-account.ts';
import type { BillingDeps, BillingTx } from '../deps.ts';
import { isPseudonym } from '../pseudonym.ts';
import type { Notification } from './channel.ts';
import { receiveChannelEvent, saveOutcome } from './channel-event.store.ts';
import { type Credit, creditOrder } from './credit-order.ts';
import { askSoon, findOrderByNo } from './order.store.ts';

const unmatchedKeptMs = 90 * 86_400_000;

/**
 * Whose message it is: of an order whose account stands, and cannot be erased until the transaction ends; of one whose account is erased; or
 * of no order of ours.
 */
const ownerOf = async (
  tx: BillingTx,
  channel: string,
  orderNo: string | undefined,
): Promise<'account' | 'erased' | 'nobody'> => {
  const order = orderNo === undefined ? undefined : await findOrderByNo(tx, channel, orderNo);
  if (order === undefined) return 'nobody';
  await isCancelled(tx, order.account_id);
  const now = await findOrderByNo(tx, channel, order.channel_order_no);
  return now !== undefined && isPseudonym(now.account_id) ? 'erased' : 'account';
};

export type Receipt = { readonly outcome: Credit['outcome'] | 'noted'; readonly reason: string | null };

/**
 * Handles a message whose signature was verified: once per event id. A statement that fits no order is recorded as refused, and looked
 * at again when the channel repeats it; the transaction must commit for that too. `sealed` is the encrypted message; of an erased account
 * it is not kept, and of no order for 90 days only.
 */
export const receiveNotification = async (
  tx: BillingTx,
  deps: BillingDeps,
  command: { channel: string; notification: Notification; sealed: Buffer },
): Promise<Receipt> => {
  const { channel, notification, sealed } = command;
  const { eventId, kind, orderNo, paid, ask } = notification;
  const owner = await ownerOf(tx, channel, orderNo);
  const at = deps.now();
  const handled = await receiveChannelEvent(tx, {
    channel,
    eventId,
    kind,
    orderNo,
    body: owner === 'erased' ? Buffer.alloc(0) : sealed,
    keepBodyUntil: owner === 'nobody' ? new Date(at.getTime() + unmatchedKeptMs) : undefined,
    at,
  });
  if (handled !== undefined) return { outcome: 'repeated', reason: null };
  if (paid === undefined) {
    if (ask && orderNo !== undefined) await askSoon(tx, { channel, orderNo, at });
    return { outcome: 'noted', reason: null };
  }
  const { outcome, reason } = await creditOrder(tx, deps, channel, paid);
  await saveOutcome(tx, { channel, eventId, outcome, reason });
  return { outcome, reason };
};
