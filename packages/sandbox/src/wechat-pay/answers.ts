// What WeChat Pay answers: orders and refunds as the merchant sees them, and the signature on every answer.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { randomText } from '../crypto/random.ts';
import { signRsaSha256 } from '../crypto/rsa-sha256.ts';
import { headerOf } from '../http/raw-body.ts';
import type { WechatPart } from './faults.ts';
import type { PlatformKey } from './merchant.ts';
import { type Order, type Refund, tradeStateOf } from './orders.ts';

const stateTexts = { SUCCESS: '支付成功', REFUND: '转入退款', NOTPAY: '订单未支付', CLOSED: '订单已关闭' };

export const transactionView = (order: Order) => {
  const state = tradeStateOf(order);
  const { total, currency } = order.amount;
  return {
    appid: order.appid,
    mchid: order.mchid,
    out_trade_no: order.out_trade_no,
    ...(order.transactionId && {
      transaction_id: order.transactionId,
      trade_type: 'NATIVE',
      bank_type: 'OTHERS',
      success_time: order.paidAt,
      payer: { openid: order.openid ?? '' },
    }),
    trade_state: state,
    trade_state_desc: stateTexts[state],
    attach: order.attach ?? '',
    amount: { total, currency, ...(order.transactionId && { payer_total: total, payer_currency: currency }) },
  };
};

export const refundView = (order: Order, refund: Refund) => ({
  refund_id: refund.refund_id,
  out_refund_no: refund.out_refund_no,
  transaction_id: order.transactionId,
  out_trade_no: order.out_trade_no,
  channel: 'ORIGINAL',
  user_received_account: '支付用户零钱',
  ...(refund.success_time && { success_time: refund.success_time }),
  create_time: refund.create_time,
  status: refund.status,
  funds_account: 'AVAILABLE',
  amount: {
    total: order.amount.total,
    refund: refund.amount.refund,
    payer_total: order.amount.total,
    payer_refund: refund.amount.refund,
    settlement_refund: refund.amount.refund,
    settlement_total: order.amount.total,
    discount_refund: 0,
    currency: 'CNY',
    refund_fee: 0,
  },
});

/** The key for a merchant's request: the one it names in Wechatpay-Serial, else the one set by control, else the usual one. */
export const chooseKey = (keys: [PlatformKey, PlatformKey], part: WechatPart, request?: FastifyRequest) =>
  keys.find((key) => request && key.serial === headerOf(request, 'wechatpay-serial')) ??
  (part.faults.current().signWith === 'certificate' ? keys[1] : keys[0]);

/** Signs every answer of `scope` over timestamp, nonce and the exact body, empty for 204. */
export const signAnswers = (
  scope: FastifyInstance,
  { keys, part, now }: { keys: [PlatformKey, PlatformKey]; part: WechatPart; now: () => Date },
) =>
  scope.addHook<string | undefined>('onSend', async (request, reply, payload) => {
    const fault = part.faults.take('answerSignature');
    reply.header('request-id', `08${randomText(20)}`);
    if (fault?.kind === 'absent') return payload;
    const key = chooseKey(keys, part, request);
    const timestamp = String(Math.floor(now().getTime() / 1000));
    const nonce = randomText(32);
    const body = fault?.kind === 'wrong' ? 'another body' : (payload ?? '');
    reply.headers({
      'wechatpay-serial': key.serial,
      'wechatpay-timestamp': timestamp,
      'wechatpay-nonce': nonce,
      'wechatpay-signature-type': 'WECHATPAY2-SHA256-RSA2048',
      'wechatpay-signature': signRsaSha256(key.privateKey, `${timestamp}\n${nonce}\n${body}\n`),
    });
    return payload;
  });
