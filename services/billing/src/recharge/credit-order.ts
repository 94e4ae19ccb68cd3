import { rechargeCredited } from '@meridian/contracts/events/billing.ts';
import { isCancelled } from '../account/cancelled-account.ts';
import type { BillingDeps, BillingTx } from '../deps.ts';
import { bookForUser } from '../ledger/book-for-user.ts';
import { ensureUserAccount, post } from '../ledger/ledger.store.ts';
import type { Mismatch } from '../metrics.ts';
import type { Paid } from './channel.ts';
import { findOrderByNo, flipToPaid, type Order } from './order.store.ts';
import { mismatchOf } from './order.ts';

/** `repeated`: it was booked before. `refused`: the channel's statement fits no order of ours; nothing was booked. */
export type Credit =
  | { readonly outcome: 'credited' | 'suspense' | 'repeated'; readonly reason: null }
  | { readonly outcome: 'refused'; readonly reason: Exclude<Mismatch, 'merchant' | 'refund'> };

const bookCredit = async (tx: BillingTx, deps: BillingDeps, order: Order): Promise<void> => {
  const accountId = order.account_id;
  await ensureUserAccount(tx, accountId, deps.currency);
  await bookForUser(tx, deps, {
    accountId,
    source: { type: 'recharge', id: order.id },
    kind: 'credit',
    amount: order.amount,
    against: [{ kind: 'clearing', owner: order.channel, amount: -order.amount }],
  });
  const data = { orderId: order.id, amount: order.amount.toString(), currency: deps.currency };
  await deps.publish(tx, rechargeCredited, { accountId, data });
  deps.metrics.credited.inc({ channel: order.channel });
};

/** A cancelled account gets no credit; its money waits in suspense for a person to give it back. */
const bookSuspense = async (tx: BillingTx, deps: BillingDeps, order: Order, at: Date): Promise<void> => {
  await post(tx, {
    source: { type: 'recharge', id: order.id },
    kind: 'credit_suspense',
    at,
    currency: deps.currency,
    entries: [
      { kind: 'clearing', owner: order.channel, amount: -order.amount },
      { kind: 'suspense', owner: order.channel, amount: order.amount },
    ],
  });
  deps.metrics.suspense.inc({ channel: order.channel });
};

/** Credits a payment that a channel has proven, exactly once; late, repeated and reordered statements change nothing. */
export const creditOrder = async (tx: BillingTx, deps: BillingDeps, channel: string, paid: Paid): Promise<Credit> => {
  const refused = (reason: Extract<Credit, { outcome: 'refused' }>['reason']): Credit => {
    deps.metrics.mismatched.inc({ channel, reason });
    return { outcome: 'refused', reason };
  };
  const order = await findOrderByNo(tx, channel, paid.orderNo);
  if (order === undefined) return refused('unknown_order');
  const mismatch = mismatchOf(order, paid);
  if (mismatch !== undefined) return refused(mismatch);
  const cancelled = await isCancelled(tx, order.account_id);
  const at = deps.now();
  const bookedTo = cancelled ? 'suspense' : 'user_cash';
  if (await flipToPaid(tx, { order, bookedTo, channelPaymentId: paid.channelPaymentId, at })) {
    await (cancelled ? bookSuspense(tx, deps, order, at) : bookCredit(tx, deps, order));
    return { outcome: cancelled ? 'suspense' : 'credited', reason: null };
  }
  const now = await findOrderByNo(tx, channel, paid.orderNo);
  // The account was erased between reading and flipping: the order goes by a pseudonym now.
  if (now?.status !== 'paid') return creditOrder(tx, deps, channel, paid);
  return now.channel_payment_id === paid.channelPaymentId
    ? { outcome: 'repeated', reason: null }
    : refused('second_payment');
};
