// Waffo's side of an order and its refunds. Bounded. Amounts are counted in cents, exactly.
import { randomDigits } from '../crypto/random.ts';
import { openBook } from '../storage/book.ts';
import { WaffoRefusal } from './codes.ts';
import type { OrderCreate, OrderReference, OrderRefund } from './fields.ts';

const ordersKept = 5000;
const maxRefunds = 50;
/** Currencies with two decimals that this merchant has agreed on. */
const orderCurrencies = ['USD', 'EUR'];

export type RefundSource = 'MERCHANT' | 'RDR' | 'ETHOCA';
export type Refund = OrderRefund & {
  acquiringRefundOrderId: string;
  source: RefundSource;
  status: 'REFUND_IN_PROGRESS' | 'ORDER_PARTIALLY_REFUNDED' | 'ORDER_FULLY_REFUNDED' | 'ORDER_REFUND_FAILED';
  updatedAt: string;
  completedAt?: string;
};
export type Order = OrderCreate & {
  /** Of the request, for a request that comes again. */
  meaning: string;
  acquiringOrderId: string;
  status: 'AUTHORIZATION_REQUIRED' | 'PAY_SUCCESS' | 'ORDER_CLOSE';
  failure?: { code: string; message: string };
  updatedAt: string;
  completedAt?: string;
  refunds: Refund[];
};

export const centsOf = (text: string) => {
  const [whole = '0', fraction = ''] = text.split('.');
  return BigInt(whole) * 100n + BigInt(fraction.padEnd(2, '0'));
};
export const amountText = (cents: bigint) => `${cents / 100n}.${String(cents % 100n).padStart(2, '0')}`;
const sum = (refunds: Refund[]) =>
  refunds.filter((r) => r.status !== 'ORDER_REFUND_FAILED').reduce((total, r) => total + centsOf(r.refundAmount), 0n);
export const remainingOf = (order: Order) => centsOf(order.orderAmount) - sum(order.refunds);

/** The time of the request is no part of its meaning: a retry may carry a later one. */
const meaning = ({ orderRequestedAt: _at, ...rest }: OrderCreate) =>
  JSON.stringify(rest, Object.keys(flat(rest)).sort());
const flat = (value: object): Record<string, true> =>
  Object.entries(value).reduce<Record<string, true>>(
    (keys, [key, inner]) => Object.assign(keys, { [key]: true }, inner && typeof inner === 'object' ? flat(inner) : {}),
    {},
  );

export const createOrders = (now: () => Date, folder: string | undefined) => {
  const orders = openBook<Order>({ folder, name: 'waffo-orders', limit: ordersKept });
  const keyOf = (request: OrderCreate) => `${request.merchantInfo.merchantId}|${request.paymentRequestId}`;
  const keep = (order: Order, changes: Partial<Order>) => orders.set(keyOf(order), Object.assign(order, changes));
  const expire = (order: Order) => {
    if (order.status !== 'AUTHORIZATION_REQUIRED' || !order.orderExpiredAt || now() <= new Date(order.orderExpiredAt))
      return order;
    const failure = { code: 'B0004', message: 'The user did not pay in time' };
    keep(order, { status: 'ORDER_CLOSE', failure, updatedAt: now().toISOString() });
    return order;
  };
  const all = () => orders.values().map(expire);
  const find = (merchantId: string, reference: OrderReference) => {
    const order = all().find(
      (o) =>
        o.merchantInfo.merchantId === merchantId &&
        (!reference.paymentRequestId || o.paymentRequestId === reference.paymentRequestId) &&
        (!reference.acquiringOrderId || o.acquiringOrderId === reference.acquiringOrderId),
    );
    if (!order) throw new WaffoRefusal('A0009');
    return order;
  };

  return {
    find,
    /** Idempotent by paymentRequestId within a merchant; the same id with another meaning is A0011. */
    create(request: OrderCreate): { order: Order; fresh: boolean } {
      const known = orders.get(keyOf(request));
      if (known) {
        if (known.meaning !== meaning(request)) throw new WaffoRefusal('A0011');
        return { order: expire(known), fresh: false };
      }
      if (!orderCurrencies.includes(request.orderCurrency)) throw new WaffoRefusal('A0007', request.orderCurrency);
      if (request.orderExpiredAt && new Date(request.orderExpiredAt) <= now()) throw new WaffoRefusal('A0034');
      const order: Order = {
        ...request,
        meaning: meaning(request),
        acquiringOrderId: `A${randomDigits(24)}`,
        status: 'AUTHORIZATION_REQUIRED',
        updatedAt: now().toISOString(),
        refunds: [],
      };
      keep(order, {});
      return { order, fresh: true };
    },
    cancel(merchantId: string, reference: OrderReference) {
      const order = find(merchantId, reference);
      if (order.status === 'PAY_SUCCESS') throw new WaffoRefusal('A0013');
      keep(order, { status: 'ORDER_CLOSE', updatedAt: now().toISOString() });
      return order;
    },
    pay(order: Order) {
      if (expire(order).status !== 'AUTHORIZATION_REQUIRED')
        throw new WaffoRefusal(order.status === 'PAY_SUCCESS' ? 'A0013' : 'B0004');
      const at = now().toISOString();
      keep(order, { status: 'PAY_SUCCESS', updatedAt: at, completedAt: at });
    },
    /** The payer gave up or was refused. */
    fail(order: Order, failure: { code: string; message: string }) {
      if (expire(order).status !== 'AUTHORIZATION_REQUIRED') throw new WaffoRefusal('A0013');
      keep(order, { status: 'ORDER_CLOSE', failure, updatedAt: now().toISOString() });
    },
    /** Idempotent by refundRequestId within a merchant. */
    refund(
      merchantId: string,
      request: OrderRefund,
      source: RefundSource,
    ): { order: Order; refund: Refund; fresh: boolean } {
      const order = find(merchantId, { acquiringOrderId: request.acquiringOrderId });
      const known = all()
        .flatMap((o) => (o.merchantInfo.merchantId === merchantId ? o.refunds : []))
        .find((r) => r.refundRequestId === request.refundRequestId);
      if (known) {
        if (!order.refunds.includes(known) || centsOf(known.refundAmount) !== centsOf(request.refundAmount))
          throw new WaffoRefusal('A0011');
        return { order, refund: known, fresh: false };
      }
      if (order.status !== 'PAY_SUCCESS' || centsOf(request.refundAmount) > remainingOf(order))
        throw new WaffoRefusal('A0014');
      if (order.refunds.length >= maxRefunds) throw new WaffoRefusal('A0027');
      const refund: Refund = {
        ...request,
        acquiringRefundOrderId: `R${randomDigits(24)}`,
        source,
        status: 'REFUND_IN_PROGRESS',
        updatedAt: now().toISOString(),
      };
      keep(order, { refunds: [...order.refunds, refund] });
      return { order, refund, fresh: true };
    },
    settleRefund(order: Order, refund: Refund, refunded: boolean) {
      refund.status = !refunded
        ? 'ORDER_REFUND_FAILED'
        : remainingOf(order) === 0n
          ? 'ORDER_FULLY_REFUNDED'
          : 'ORDER_PARTIALLY_REFUNDED';
      refund.updatedAt = now().toISOString();
      refund.completedAt = refund.updatedAt;
      keep(order, {});
    },
    /** Refunds that were accepted and have not come to an end. */
    unsettled: () =>
      all()
        .flatMap((order) => order.refunds.map((refund) => ({ order, refund })))
        .filter(({ refund }) => refund.status === 'REFUND_IN_PROGRESS'),
    findRefund(
      merchantId: string,
      reference: { refundRequestId?: string | undefined; acquiringRefundOrderId?: string | undefined },
    ) {
      for (const order of all()) {
        if (order.merchantInfo.merchantId !== merchantId) continue;
        const refund = order.refunds.find(
          (r) =>
            r.refundRequestId === reference.refundRequestId ||
            r.acquiringRefundOrderId === reference.acquiringRefundOrderId,
        );
        if (refund) return { order, refund };
      }
      throw new WaffoRefusal('A0009');
    },
    byAcquiringId: (id: string) => all().find((o) => o.acquiringOrderId === id),
    anyByRequest: (paymentRequestId: string) => all().find((o) => o.paymentRequestId === paymentRequestId),
    open: () =>
      all()
        .filter((o) => o.status === 'AUTHORIZATION_REQUIRED')
        .toReversed()
        .slice(0, 50),
  };
};
export type Orders = ReturnType<typeof createOrders>;
