// What tests ask of WeChat Pay beyond faults: pay without a browser, send again, and forge.
import { generateKeyPairSync } from 'node:crypto';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { post } from '../notify/notifier.ts';
import { chooseKey } from './answers.ts';
import type { Desk } from './desk.ts';
import { newEventId, paymentEvent, sealEvent } from './notification.ts';
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
  ]),
});
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
  app.get<Params>('/control/wechat-pay/notifications/:outTradeNo', async (request) => ({
    deliveries: desk.notifier.list(request.params.outTradeNo),
  }));
  app.post<Params>('/control/wechat-pay/notifications/:outTradeNo/resend', async (request, reply) => {
    const deliveries = await desk.notifier.resend(request.params.outTradeNo);
    return deliveries.length > 0 ? { deliveries } : reply.code(404).send({ error: 'nothing_to_resend' });
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
    const claimed = kind === 'other_merchant' ? { ...order, mchid: '1999999999', appid: 'wxffffffffffffffff' } : order;
    const faults = {
      ...(kind === 'wrong_amount' && { amountOffset: 100 }),
      ...(kind === 'wrong_currency' && { currency: 'USD' }),
    };
    const at = kind === 'stale_timestamp' ? new Date(desk.now().getTime() - 6 * 60_000) : desk.now();
    const event = paymentEvent(newEventId(), claimed, faults, at);
    const answer = await post(
      sealEvent({ url: order.notify_url, merchant, key, event, at, signature: kind === 'probe' ? 'probe' : 'right' }),
      desk.timeoutMs,
    );
    return 'status' in answer
      ? { kind, status: answer.status, body: answer.body.slice(0, 2000) }
      : { kind, status: null, error: answer.error };
  });
};
