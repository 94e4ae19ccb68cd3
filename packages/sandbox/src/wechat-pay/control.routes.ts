// What tests ask of WeChat Pay beyond faults: pay without a browser, send again, and forge.
import { generateKeyPairSync } from 'node:crypto';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { randomDigits, randomHex, randomText } from '../crypto/random.ts';
import { post } from '../notify/notifier.ts';
import { chooseKey } from './answers.ts';
import type { Desk } from './desk.ts';
import { otherMerchant } from './merchant.ts';
import { distort, newEventId, paymentEvent, sealEvent } from './notification.ts';
import { WechatRefusal } from './refusal.ts';

const forgery = z.strictObject({
  kind: z.enum([
    'wrong_key',
    'unknown_serial',
    'probe',
    'other_merchant',
    'wrong_amount',
    'wrong_currency',
    'stale_timestamp',
    'undecryptable',
    'unknown_order',
    'second_payment',
  ]),
});
const handRefund = z.strictObject({ amount: z.number().int().min(1).describe('fen') });
type Params = { Params: { outTradeNo: string } };

export const wechatControlRoutes = (app: FastifyInstance, desk: Desk) => {
  const orderOf = (outTradeNo: string, reply: FastifyReply) => {
    const found = desk.orders.anyByNumber(outTradeNo);
    const [order] = found;
    if (order && found.length === 1) return order;
    reply.code(404).send({ error: found.length === 0 ? 'unknown_order' : 'ambiguous_order' });
    return undefined;
  };

  app.post<Params>('/control/wechat-pay/orders/:outTradeNo/pay', async (request, reply) => {
    const order = orderOf(request.params.outTradeNo, reply);
    if (!order) return reply;
    try {
      desk.pay(order);
    } catch (error) {
      if (!(error instanceof WechatRefusal)) throw error;
      return reply.code(409).send({ error: error.code });
    }
    return { out_trade_no: order.out_trade_no, transaction_id: order.transactionId };
  });
  /** A refund that somebody starts by hand at the merchant's console there, announced where payments are. */
  app.post<Params>('/control/wechat-pay/orders/:outTradeNo/refund', async (request, reply) => {
    const asked = handRefund.safeParse(request.body);
    if (!asked.success) return reply.code(400).send({ error: 'invalid_refund', issues: asked.error.issues });
    const order = orderOf(request.params.outTradeNo, reply);
    if (!order) return reply;
    try {
      const { refund } = desk.orders.refund(order.mchid, {
        out_trade_no: order.out_trade_no,
        out_refund_no: randomText(32),
        notify_url: order.notify_url,
        amount: { refund: asked.data.amount, total: order.amount.total, currency: 'CNY' },
      });
      desk.settleLater(order, refund);
      return { refund_id: refund.refund_id, out_refund_no: refund.out_refund_no };
    } catch (error) {
      if (!(error instanceof WechatRefusal)) throw error;
      return reply.code(409).send({ error: error.code });
    }
  });
  app.get<Params>('/control/wechat-pay/notifications/:outTradeNo', async (request) => ({
    deliveries: desk.notifier.list(request.params.outTradeNo),
  }));
  app.post<Params>('/control/wechat-pay/notifications/:outTradeNo/resend', async (request, reply) => {
    const { outTradeNo } = request.params;
    const resent = await desk.notifier.resend(outTradeNo);
    if (resent === 0) return reply.code(404).send({ error: 'nothing_to_resend' });
    return { deliveries: desk.notifier.list(outTradeNo) };
  });

  /** Sends one false notification of a payment that may never have happened; answers what the merchant said to it. */
  app.post<Params>('/control/wechat-pay/notifications/:outTradeNo/forge', async (request, reply) => {
    const asked = forgery.safeParse(request.body);
    if (!asked.success) return reply.code(400).send({ error: 'invalid_forgery', issues: asked.error.issues });
    const order = orderOf(request.params.outTradeNo, reply);
    if (!order) return reply;
    const merchant = desk.merchants.find((m) => m.mchId === order.mchid);
    if (!merchant) return reply.code(404).send({ error: 'unknown_merchant' });
    const { kind } = asked.data;
    const usual = chooseKey(desk.keys, desk.part);
    const forgedKey = () =>
      generateKeyPairSync('rsa', {
        modulusLength: 2048,
        publicKeyEncoding: { type: 'spki', format: 'pem' },
        privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      }).privateKey;
    const key =
      kind === 'wrong_key'
        ? { serial: usual.serial, privateKey: forgedKey() }
        : kind === 'unknown_serial'
          ? { serial: 'PUB_KEY_ID_0000000000000000000000000000', privateKey: forgedKey() }
          : usual;
    const claimed = {
      ...order,
      ...(kind === 'other_merchant' && otherMerchant),
      ...(kind === 'unknown_order' && { out_trade_no: `O${randomDigits(26)}` }),
      ...(kind === 'second_payment' && { transactionId: `4201${randomDigits(24)}` }),
    };
    const sealedFor = kind === 'undecryptable' ? { ...merchant, apiV3Key: randomHex(16) } : merchant;
    const faults = {
      ...(kind === 'wrong_amount' && { amountOffset: 100 }),
      ...(kind === 'wrong_currency' && { currency: 'USD' }),
    };
    const at = kind === 'stale_timestamp' ? new Date(desk.now().getTime() - 6 * 60_000) : desk.now();
    const event = distort(paymentEvent(newEventId(), claimed, at), faults);
    const answer = await post(
      sealEvent({
        url: order.notify_url,
        merchant: sealedFor,
        key,
        event,
        at,
        signature: kind === 'probe' ? 'probe' : 'right',
      }),
      desk.timeoutMs,
    );
    return 'status' in answer
      ? { kind, status: answer.status, body: answer.body.slice(0, 2000) }
      : { kind, status: null, error: answer.error };
  });
};
