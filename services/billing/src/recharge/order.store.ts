import type { TimePlace } from '@meridian/kit/http/page.ts';
import { type Selectable, sql } from 'kysely';
import type { BillingSchema, Payment } from '../db/schema.ts';
import type { BillingTx, Reader } from '../deps.ts';

export type Order = Selectable<BillingSchema['recharge_order']>;

export type NewOrder = {
  readonly id: string;
  readonly accountId: string;
  /** Hash of the caller's Idempotency-Key: one order per account and key, for ever. */
  readonly requestKey: string;
  readonly channel: string;
  readonly orderNo: string;
  readonly amount: bigint;
  readonly currency: string;
  readonly at: Date;
  readonly expiresAt: Date;
  readonly nextQueryAt: Date;
};

/** Writes the order, or answers the one that this key made before. */
export const insertOrder = async (tx: BillingTx, order: NewOrder): Promise<Order> => {
  const made = await tx
    .insertInto('recharge_order')
    .values({
      id: order.id,
      account_id: order.accountId,
      request_key: order.requestKey,
      channel: order.channel,
      channel_order_no: order.orderNo,
      amount: order.amount,
      currency: order.currency,
      status: 'created',
      created_at: order.at,
      expires_at: order.expiresAt,
      next_query_at: order.nextQueryAt,
    })
    .onConflict((c) => c.columns(['account_id', 'request_key']).doNothing())
    .returningAll()
    .executeTakeFirst();
  if (made !== undefined) return made;
  return tx
    .selectFrom('recharge_order')
    .selectAll()
    .where('account_id', '=', order.accountId)
    .where('request_key', '=', order.requestKey)
    .executeTakeFirstOrThrow();
};

/** Keeps how to pay. An order that was paid or closed meanwhile stays so: a notification may come before the answer it is about. */
export const savePayment = async (tx: BillingTx, id: string, payment: Payment): Promise<Order> => {
  await tx
    .updateTable('recharge_order')
    .set({ status: 'paying', payment: JSON.stringify(payment) })
    .where('id', '=', id)
    .where('status', '=', 'created')
    .execute();
  return tx.selectFrom('recharge_order').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
};

export const findOrder = async (db: Reader, accountId: string, id: string): Promise<Order | undefined> =>
  db
    .selectFrom('recharge_order')
    .selectAll()
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .executeTakeFirst();

export const findOrderByNo = async (db: Reader, channel: string, orderNo: string): Promise<Order | undefined> =>
  db
    .selectFrom('recharge_order')
    .selectAll()
    .where('channel_order_no', '=', orderNo)
    .where('channel', '=', channel)
    .executeTakeFirst();

/** Newest first; one more than `limit`, so that the caller knows whether there is a next page. */
export const listOrders = async (
  db: Reader,
  accountId: string,
  { after, limit }: { after: TimePlace | undefined; limit: number },
): Promise<Order[]> => {
  let query = db
    .selectFrom('recharge_order')
    .selectAll()
    .where('account_id', '=', accountId)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1);
  if (after !== undefined)
    query = query.where(({ eb, refTuple, tuple }) => eb(refTuple('created_at', 'id'), '<', tuple(after.at, after.id)));
  return query.execute();
};

export type Flip = {
  readonly order: Order;
  readonly bookedTo: 'user_cash' | 'suspense';
  readonly channelPaymentId: string;
  readonly at: Date;
};

/**
 * Makes the order paid, from any state but paid: only the one for whom this is true may book the money. False also when the account's
 * name was erased since `order` was read.
 */
export const flipToPaid = async (tx: BillingTx, { order, bookedTo, channelPaymentId, at }: Flip): Promise<boolean> => {
  const { numUpdatedRows } = await tx
    .updateTable('recharge_order')
    .set({
      status: 'paid',
      booked_to: bookedTo,
      channel_payment_id: channelPaymentId,
      paid_at: at,
      closed_at: null,
      next_query_at: null,
    })
    .where('id', '=', order.id)
    .where('account_id', '=', order.account_id)
    .where('status', '<>', 'paid')
    .executeTakeFirst();
  return numUpdatedRows === 1n;
};

/** Closes an unpaid order, or leaves it closed; a payment that was under way may still be credited. */
export const saveClosed = async (tx: BillingTx, id: string, at: Date): Promise<void> => {
  await tx
    .updateTable('recharge_order')
    .set((eb) => ({ status: 'closed', closed_at: eb.fn.coalesce('closed_at', eb.val(at)), next_query_at: null }))
    .where('id', '=', id)
    .where('status', '<>', 'paid')
    .execute();
};

/** Takes due orders for one worker: no other asks about them before `leaseUntil`. */
export const claimDueOrders = async (
  tx: BillingTx,
  { at, leaseUntil, limit }: { at: Date; leaseUntil: Date; limit: number },
): Promise<Order[]> =>
  tx
    .updateTable('recharge_order')
    .set({ next_query_at: leaseUntil, queries: sql<number>`queries + 1` })
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('recharge_order')
        .select('id')
        .where('next_query_at', '<=', at)
        .orderBy('next_query_at')
        .limit(limit)
        .forUpdate()
        .skipLocked(),
    )
    .returningAll()
    .execute();

/** Gives up the lease of a claimed order until `at`; where it was to be asked about sooner meanwhile, that stays. */
export const saveNextQuery = async (tx: BillingTx, claimed: Order, at: Date): Promise<void> => {
  await tx
    .updateTable('recharge_order')
    .set({ next_query_at: at })
    .where('id', '=', claimed.id)
    .where('status', '<>', 'paid')
    .where('next_query_at', '=', claimed.next_query_at)
    .execute();
};

/** Has the channel asked about an order at the next round, also about one that is closed here. */
export const askSoon = async (
  tx: BillingTx,
  { channel, orderNo, at }: { channel: string; orderNo: string; at: Date },
): Promise<void> => {
  await tx
    .updateTable('recharge_order')
    .set({ next_query_at: at })
    .where('channel_order_no', '=', orderNo)
    .where('channel', '=', channel)
    .where('status', '<>', 'paid')
    .execute();
};
