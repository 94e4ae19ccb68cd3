// What tests ask of Waffo beyond faults: pay without a browser, refund by the channel, send again, and forge.
import { generateKeyPairSync } from 'node:crypto';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { randomDigits, randomText } from '../crypto/random.ts';
import { post } from '../notify/notifier.ts';
import { WaffoRefusal } from './codes.ts';
import type { Desk } from './desk.ts';
import { otherMerchant } from './merchant.ts';
import { distort, orderView } from './views.ts';

const forgery = z.strictObject({
  kind: z.enum([
    'wrong_key',
    'unsigned',
    'other_merchant',
    'without_merchant',
    'wrong_amount',
    'wrong_currency',
    'replay',
    'unknown_order',
    'second_payment',
    'in_progress',
    'closed',
  ]),
});
/** Earlier states of an order, told late: genuine, and true once. */
const lateStates: Readonly<Record<string, string>> = { in_progress: 'PAY_IN_PROGRESS', closed: 'ORDER_CLOSE' };
const channelRefund = z.strictObject({
  amount: z.string().regex(/^[0-9]+(\.[0-9]{1,2})?$/),
  source: z.enum(['RDR', 'ETHOCA']),
  notifyUrl: z.url().optional(),
});
const paying = z.strictObject({ action: z.enum(['pay', 'cancel', 'decline']).default('pay') });
type Params = { Params: { paymentRequestId: string } };

export const waffoControlRoutes = (app: FastifyInstance, desk: Desk) => {
  const orderOf = (id: string, reply: FastifyReply) => {
    const order = desk.orders.anyByRequest(id);
    if (!order) reply.code(404).send({ error: 'unknown_order' });
    return order;
  };
  /** A refusal of the channel's own rules becomes 409 with its code. */
  const attempt = (reply: FastifyReply, work: () => object) => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof WaffoRefusal)) throw error;
      return reply.code(409).send({ error: error.code });
    }
  };

  app.post<Params>('/control/waffo/orders/:paymentRequestId/pay', async (request, reply) => {
    const asked = paying.safeParse(request.body ?? {});
    if (!asked.success) return reply.code(400).send({ error: 'invalid_action', issues: asked.error.issues });
    const order = orderOf(request.params.paymentRequestId, reply);
    if (!order) return reply;
    return attempt(reply, () => {
      if (asked.data.action === 'pay') desk.pay(order);
      else if (asked.data.action === 'cancel') desk.fail(order, { code: 'B0005', message: 'The user cancelled' });
      else desk.fail(order, { code: 'C0005', message: 'Rejected by the payment channel' });
      return { acquiringOrderId: order.acquiringOrderId, orderStatus: order.status };
    });
  });
  /** A refund that the channel starts by itself, after a dispute alert. */
  app.post<Params>('/control/waffo/orders/:paymentRequestId/refund', async (request, reply) => {
    const asked = channelRefund.safeParse(request.body);
    if (!asked.success) return reply.code(400).send({ error: 'invalid_refund', issues: asked.error.issues });
    const order = orderOf(request.params.paymentRequestId, reply);
    if (!order) return reply;
    return attempt(reply, () => {
      const { amount, source, notifyUrl } = asked.data;
      const merchantId = order.merchantInfo.merchantId;
      const request = {
        refundRequestId: randomText(32),
        acquiringOrderId: order.acquiringOrderId,
        merchantId,
        requestedAt: desk.now().toISOString(),
        refundAmount: amount,
        refundReason: 'Dispute alert',
      };
      const { refund } = desk.orders.refund(
        merchantId,
        { ...request, ...(notifyUrl && { refundNotifyUrl: notifyUrl }) },
        source,
      );
      desk.settleLater(order, refund);
      return { acquiringRefundOrderId: refund.acquiringRefundOrderId, refundRequestId: refund.refundRequestId };
    });
  });
  app.get<Params>('/control/waffo/notifications/:paymentRequestId', async (request) => ({
    deliveries: desk.notifier.list(request.params.paymentRequestId),
  }));
  app.post<Params>('/control/waffo/notifications/:paymentRequestId/resend', async (request, reply) => {
    const { paymentRequestId } = request.params;
    const resent = await desk.notifier.resend(paymentRequestId);
    if (resent === 0) return reply.code(404).send({ error: 'nothing_to_resend' });
    return { deliveries: desk.notifier.list(paymentRequestId) };
  });

  /** Sends one false webhook of a payment that may never have happened; answers what the merchant said to it. */
  app.post<Params>('/control/waffo/notifications/:paymentRequestId/forge', async (request, reply) => {
    const asked = forgery.safeParse(request.body);
    if (!asked.success) return reply.code(400).send({ error: 'invalid_forgery', issues: asked.error.issues });
    const order = orderOf(request.params.paymentRequestId, reply);
    if (!order) return reply;
    const { kind } = asked.data;
    const view = orderView(desk.origin(), {
      ...order,
      status: 'PAY_SUCCESS',
      completedAt: desk.now().toISOString(),
      refunds: [],
    });
    const { merchantInfo, ...unnamed } = view;
    const claimed = {
      ...unnamed,
      ...(kind !== 'without_merchant' && { merchantInfo: kind === 'other_merchant' ? otherMerchant : merchantInfo }),
      orderStatus: lateStates[kind] ?? view.orderStatus,
      ...(kind === 'unknown_order' && { paymentRequestId: `O${randomDigits(26)}` }),
      ...(kind === 'second_payment' && { acquiringOrderId: `A${randomDigits(24)}` }),
    };
    const result = distort(claimed, {
      ...(kind === 'wrong_amount' && { amountOffset: 100 }),
      ...(kind === 'wrong_currency' && { currency: 'CNY' }),
    });
    const key =
      kind === 'wrong_key'
        ? generateKeyPairSync('rsa', {
            modulusLength: 2048,
            publicKeyEncoding: { type: 'spki', format: 'pem' },
            privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
          }).privateKey
        : desk.privateKey;
    // A replay is a genuine old webhook, byte for byte: Waffo's signature has no timestamp that could refuse it.
    const outgoing = desk.seal(
      order.notifyUrl,
      { eventType: 'PAYMENT_NOTIFICATION', result: kind === 'replay' ? orderView(desk.origin(), order) : result },
      { key },
    );
    const { 'x-signature': _signature, ...unsigned } = outgoing.headers;
    const answer = await post(kind === 'unsigned' ? { ...outgoing, headers: unsigned } : outgoing, desk.timeoutMs);
    if (!('status' in answer)) return { kind, status: null, error: answer.error };
    return {
      kind,
      status: answer.status,
      body: answer.body.slice(0, 2000),
      acknowledged: desk.acknowledged(order.merchantInfo.merchantId, answer),
    };
  });
};
