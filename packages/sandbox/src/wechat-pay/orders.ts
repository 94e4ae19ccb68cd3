// WeChat Pay's side of an order: what was ordered, its QR codes, whether it is paid, and its refunds. Bounded.
import { randomDigits, randomText } from '../crypto/random.ts';
import { openBook } from '../storage/book.ts';
import type { NativeOrder, RefundRequest } from './fields.ts';
import { WechatRefusal } from './refusal.ts';

const ordersKept = 5000;
const defaultExpiryMs = 7 * 24 * 60 * 60 * 1000;
const qrCodeMs = 2 * 60 * 60 * 1000;
const minuteMs = 60_000;
const maxPartialRefunds = 50;
const refundWindowMs = 365 * 24 * 60 * 60 * 1000;

export type Refund = RefundRequest & {
  refund_id: string;
  status: 'PROCESSING' | 'SUCCESS' | 'ABNORMAL' | 'CLOSED';
  create_time: string;
  success_time?: string;
};
export type Order = NativeOrder & {
  state: 'NOTPAY' | 'SUCCESS' | 'CLOSED';
  expiresAt: string;
  transactionId?: string;
  openid?: string;
  paidAt?: string;
  refunds: Refund[];
};

/** WeChat writes times with China's offset. */
export const chinaTime = (date: Date) => `${new Date(date.getTime() + 8 * 3_600_000).toISOString().slice(0, 19)}+08:00`;
const sameOrder = (a: NativeOrder, b: NativeOrder) =>
  JSON.stringify([a.appid, a.description, a.attach, a.notify_url, a.amount]) ===
  JSON.stringify([b.appid, b.description, b.attach, b.notify_url, b.amount]);
export const tradeStateOf = (order: Order) =>
  order.state === 'SUCCESS' && order.refunds.some((r) => r.status !== 'CLOSED') ? 'REFUND' : order.state;

export const createOrders = (now: () => Date, folder: string | undefined) => {
  const orders = openBook<Order>({ folder, name: 'wechat-pay-orders', limit: ordersKept });
  /** By the token of a QR code: the key of its order. */
  const codes = openBook<{ order: string; until: number }>({ folder, name: 'wechat-pay-codes', limit: ordersKept });
  const keyOf = (mchid: string, outTradeNo: string) => `${mchid}|${outTradeNo}`;
  const keep = (order: Order, changes: Partial<Order>) =>
    orders.set(keyOf(order.mchid, order.out_trade_no), Object.assign(order, changes));
  const find = (mchid: string, outTradeNo: string) => {
    const order = orders.get(keyOf(mchid, outTradeNo));
    if (!order) throw new WechatRefusal('ORDER_NOT_EXIST', '订单不存在');
    return order;
  };

  return {
    find,
    findByTransaction(mchid: string, transactionId: string) {
      const order = orders.values().find((o) => o.mchid === mchid && o.transactionId === transactionId);
      if (!order) throw new WechatRefusal('ORDER_NOT_EXIST', '订单不存在');
      return order;
    },
    /** Orders, or orders again: the same number with the same parameters gives one more QR code. Answers its token. */
    place(request: NativeOrder) {
      const known = orders.get(keyOf(request.mchid, request.out_trade_no));
      if (known?.state === 'SUCCESS') throw new WechatRefusal('ORDERPAID', '该订单已支付');
      if (known?.state === 'CLOSED') throw new WechatRefusal('ORDER_CLOSED', '该订单已关闭，请重新下单');
      if (known && !sameOrder(known, request)) throw new WechatRefusal('OUT_TRADE_NO_USED', '商户订单号重复');
      const expiresAt = request.time_expire
        ? new Date(request.time_expire)
        : new Date(now().getTime() + defaultExpiryMs);
      if (!known && expiresAt.getTime() < now().getTime() + minuteMs)
        throw new WechatRefusal('PARAM_ERROR', 'time_expire必须晚于当前时间1分钟以上', {
          field: '/time_expire',
          value: request.time_expire,
          issue: 'too early',
          location: 'body',
        });
      if (!known) keep({ ...request, state: 'NOTPAY', expiresAt: expiresAt.toISOString(), refunds: [] }, {});
      const token = randomText(10);
      codes.set(token, { order: keyOf(request.mchid, request.out_trade_no), until: now().getTime() + qrCodeMs });
      return token;
    },
    /** The order behind a QR code and whether the code and the order may still be paid. */
    byCode(token: string) {
      const code = codes.get(token);
      const order = code && orders.get(code.order);
      if (!order) return undefined;
      const expired = now().getTime() > code.until || now() > new Date(order.expiresAt);
      return { order, payable: order.state === 'NOTPAY' && !expired, expired };
    },
    pay(order: Order) {
      if (order.state !== 'NOTPAY')
        throw new WechatRefusal(order.state === 'CLOSED' ? 'ORDER_CLOSED' : 'ORDERPAID', '订单不可支付');
      const transactionId = `4200${randomDigits(24)}`;
      keep(order, { state: 'SUCCESS', transactionId, openid: `o${randomText(27)}`, paidAt: chinaTime(now()) });
    },
    close(mchid: string, outTradeNo: string) {
      const order = find(mchid, outTradeNo);
      if (order.state === 'SUCCESS') throw new WechatRefusal('ORDERPAID', '该订单已支付');
      keep(order, { state: 'CLOSED' });
    },
    /** Accepts a refund; the same out_refund_no refunds once. `fresh` tells a new refund from a repeated request. */
    refund(mchid: string, request: RefundRequest): { order: Order; refund: Refund; fresh: boolean } {
      const order =
        request.out_trade_no !== undefined
          ? find(mchid, request.out_trade_no)
          : this.findByTransaction(mchid, request.transaction_id ?? '');
      const known = orders
        .values()
        .flatMap((o) => (o.mchid === mchid ? o.refunds : []))
        .find((r) => r.out_refund_no === request.out_refund_no);
      if (known) {
        if (!order.refunds.includes(known) || JSON.stringify(known.amount) !== JSON.stringify(request.amount))
          throw new WechatRefusal('INVALID_REQUEST', '订单号或金额与之前的退款申请不一致');
        return { order, refund: known, fresh: false };
      }
      if (order.state !== 'SUCCESS') throw new WechatRefusal('INVALID_REQUEST', '订单未支付，不能退款');
      if (request.amount.total !== order.amount.total)
        throw new WechatRefusal('INVALID_REQUEST', '订单金额与原订单不一致');
      const refunded = order.refunds.filter((r) => r.status !== 'CLOSED').reduce((sum, r) => sum + r.amount.refund, 0);
      if (refunded + request.amount.refund > order.amount.total)
        throw new WechatRefusal('INVALID_REQUEST', '申请退款金额大于订单可退金额');
      if (order.refunds.length >= maxPartialRefunds) throw new WechatRefusal('INVALID_REQUEST', '部分退款次数超过50次');
      if (now().getTime() - Date.parse(order.paidAt ?? '') > refundWindowMs)
        throw new WechatRefusal('INVALID_REQUEST', '订单已超过可退款的最大期限');
      const refund: Refund = {
        ...request,
        refund_id: `503${randomDigits(25)}`,
        status: 'PROCESSING',
        create_time: chinaTime(now()),
      };
      keep(order, { refunds: [...order.refunds, refund] });
      return { order, refund, fresh: true };
    },
    findRefund(mchid: string, outRefundNo: string) {
      for (const order of orders.values()) {
        const refund = order.mchid === mchid && order.refunds.find((r) => r.out_refund_no === outRefundNo);
        if (refund) return { order, refund };
      }
      throw new WechatRefusal('RESOURCE_NOT_EXISTS', '退款单不存在');
    },
    settleRefund(order: Order, refund: Refund, status: 'SUCCESS' | 'ABNORMAL' | 'CLOSED') {
      refund.status = status;
      if (status === 'SUCCESS') refund.success_time = chinaTime(now());
      keep(order, {});
    },
    /** Refunds that were accepted and have not come to an end. */
    unsettled: () =>
      orders
        .values()
        .flatMap((order) => order.refunds.map((refund) => ({ order, refund })))
        .filter(({ refund }) => refund.status === 'PROCESSING'),
    /** Orders waiting for a payer, newest first, with a QR code token each. */
    open() {
      const latest = new Map(codes.entries().map(([token, { order }]) => [order, token]));
      return [...latest]
        .map(([key, token]) => ({ order: orders.get(key), token }))
        .filter((one): one is { order: Order; token: string } => one.order?.state === 'NOTPAY')
        .toReversed()
        .slice(0, 50);
    },
    /** For the control interface, where a number may be given without its merchant. */
    anyByNumber: (outTradeNo: string) => orders.values().filter((o) => o.out_trade_no === outTradeNo),
  };
};
export type Orders = ReturnType<typeof createOrders>;
