// Orders and refunds in the form of Waffo's answers and webhooks.
import type { NotifyFaults } from '../control/faults.ts';
import { amountText, centsOf, type Order, type Refund, remainingOf } from './orders.ts';

export const payerPageOf = (origin: string, order: Order) => `${origin}/waffo/pay/${order.acquiringOrderId}`;

const actionOf = (origin: string, order: Order) =>
  order.status === 'AUTHORIZATION_REQUIRED'
    ? { orderAction: JSON.stringify({ actionType: 'WEB', webUrl: payerPageOf(origin, order) }) }
    : {};

export const createdView = (origin: string, order: Order) => ({
  paymentRequestId: order.paymentRequestId,
  merchantOrderId: order.merchantOrderId,
  acquiringOrderId: order.acquiringOrderId,
  orderStatus: order.status,
  ...actionOf(origin, order),
});

/** Answer of an inquiry, and result of a PAYMENT_NOTIFICATION. */
export const orderView = (origin: string, order: Order) => ({
  ...createdView(origin, order),
  orderCurrency: order.orderCurrency,
  orderAmount: order.orderAmount,
  finalDealAmount: order.orderAmount,
  orderDescription: order.orderDescription,
  merchantInfo: order.merchantInfo,
  userInfo: order.userInfo,
  ...(order.goodsInfo && { goodsInfo: order.goodsInfo }),
  paymentInfo: order.paymentInfo,
  orderRequestedAt: order.orderRequestedAt,
  ...(order.orderExpiredAt && { orderExpiredAt: order.orderExpiredAt }),
  orderUpdatedAt: order.updatedAt,
  ...(order.completedAt && { orderCompletedAt: order.completedAt }),
  ...(order.failure && { orderFailedReason: JSON.stringify(order.failure) }),
  ...(order.extendInfo !== undefined && { extendInfo: order.extendInfo }),
});

export const acceptedRefundView = (order: Order, refund: Refund) => ({
  refundRequestId: refund.refundRequestId,
  ...(refund.merchantRefundOrderId && { merchantRefundOrderId: refund.merchantRefundOrderId }),
  acquiringOrderId: order.acquiringOrderId,
  acquiringRefundOrderId: refund.acquiringRefundOrderId,
  refundAmount: refund.refundAmount,
  refundStatus: refund.status,
  remainingRefundAmount: amountText(remainingOf(order)),
  refundSource: refund.source,
});

/** Answer of a refund inquiry, and result of a REFUND_NOTIFICATION. */
export const refundView = (order: Order, refund: Refund) => ({
  ...acceptedRefundView(order, refund),
  origPaymentRequestId: order.paymentRequestId,
  refundReason: refund.refundReason,
  refundRequestedAt: refund.requestedAt,
  refundUpdatedAt: refund.updatedAt,
  ...(refund.completedAt && { refundCompletedAt: refund.completedAt }),
  ...(refund.status === 'ORDER_REFUND_FAILED' && {
    refundFailedReason: JSON.stringify({ code: 'C0005', message: 'Rejected by the payment channel' }),
  }),
  finalDealAmount: order.orderAmount,
});

/** What faults do to the money in a payment's webhook. */
export const distort = <T extends { orderAmount: string; orderCurrency: string }>(
  view: T,
  { amountOffset = 0, currency }: NotifyFaults,
): T => {
  const amount = amountOffset === 0 ? view.orderAmount : amountText(centsOf(view.orderAmount) + BigInt(amountOffset));
  return { ...view, orderAmount: amount, finalDealAmount: amount, orderCurrency: currency ?? view.orderCurrency };
};
