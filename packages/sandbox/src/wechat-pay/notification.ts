// A notification as WeChat Pay sends it: an encrypted resource, signed over timestamp, nonce and body.
// https://pay.weixin.qq.com/docs/partner/apis/partner-scannedpos-payment/payment-notice.html
import { createCipheriv, randomBytes } from 'node:crypto';
import type { NotifyFaults } from '../control/faults.ts';
import { randomHex, randomText } from '../crypto/random.ts';
import { signRsaSha256 } from '../crypto/rsa-sha256.ts';
import type { Outgoing } from '../notify/notifier.ts';
import { transactionView } from './answers.ts';
import type { Merchant, PlatformKey } from './merchant.ts';
import { chinaTime, type Order, type Refund } from './orders.ts';

/** 15s/15s/30s/3m/10m/20m/30m/30m/30m/60m/3h/3h/3h/6h/6h: 24 h 4 min in all. */
export const wechatScheduleMs = [
  15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10_800, 10_800, 10_800, 21_600, 21_600,
].map((s) => s * 1000);

const encryptResource = (apiV3Key: string, associatedData: string, plain: string) => {
  const nonce = randomText(12);
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(apiV3Key), Buffer.from(nonce));
  cipher.setAAD(Buffer.from(associatedData));
  const ciphertext = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
    'base64',
  );
  return {
    original_type: associatedData,
    algorithm: 'AEAD_AES_256_GCM',
    ciphertext,
    associated_data: associatedData,
    nonce,
  };
};

export type WechatEvent = {
  id: string;
  createTime: string;
  eventType: string;
  summary: string;
  kind: 'transaction' | 'refund';
  content: object;
};
type Amount = {
  total: number;
  payer_total: number;
  refund?: number;
  payer_refund?: number;
  currency?: string;
  payer_currency?: string;
};
/** An event as WeChat Pay makes it: with the money it is about. */
export type MoneyEvent = WechatEvent & { content: Record<string, unknown> & { amount: Amount } };

export const newEventId = () => `EV-${randomHex(16)}`.toUpperCase().slice(0, 32);

/** The event of a payment; of an order that is not paid, a forgery. */
export const paymentEvent = (id: string, order: Order, at: Date): MoneyEvent => {
  const view = transactionView({
    ...order,
    state: 'SUCCESS',
    transactionId: order.transactionId ?? `4200${'0'.repeat(24)}`,
    paidAt: order.paidAt ?? chinaTime(at),
    refunds: [],
  });
  const { total, currency } = order.amount;
  return {
    id,
    createTime: chinaTime(at),
    eventType: 'TRANSACTION.SUCCESS',
    summary: '支付成功',
    kind: 'transaction',
    content: { ...view, amount: { total, payer_total: total, currency, payer_currency: currency } },
  };
};

export const refundEvent = (id: string, order: Order, refund: Refund, at: Date): MoneyEvent => ({
  id,
  createTime: chinaTime(at),
  eventType: `REFUND.${refund.status}`,
  summary: { SUCCESS: '退款成功', ABNORMAL: '退款异常', CLOSED: '退款关闭', PROCESSING: '退款处理中' }[refund.status],
  kind: 'refund',
  content: {
    mchid: order.mchid,
    transaction_id: order.transactionId,
    out_trade_no: order.out_trade_no,
    refund_id: refund.refund_id,
    out_refund_no: refund.out_refund_no,
    refund_status: refund.status,
    ...(refund.success_time && { success_time: refund.success_time }),
    user_received_account: '支付用户零钱',
    amount: {
      total: order.amount.total,
      refund: refund.amount.refund,
      payer_total: order.amount.total,
      payer_refund: refund.amount.refund,
    },
  },
});

/** What faults do to the money in an event. */
export const distort = (event: MoneyEvent, { amountOffset = 0, currency }: NotifyFaults): MoneyEvent => {
  const { amount } = event.content;
  const refund = (amount.refund ?? 0) + amountOffset;
  const total = amount.total + amountOffset;
  const changed =
    event.kind === 'refund'
      ? { refund, payer_refund: refund }
      : { total, payer_total: total, ...(currency && { currency, payer_currency: currency }) };
  return { ...event, content: { ...event.content, amount: { ...amount, ...changed } } };
};

type Envelope = {
  url: string;
  merchant: Merchant;
  key: PlatformKey;
  event: WechatEvent;
  at: Date;
  signature?: 'right' | 'wrong' | 'probe';
};

/** Seals and signs an event. 'probe' is WeChat's own check that merchants do verify: a signature that cannot be right. */
export const sealEvent = ({ url, merchant, key, event, at, signature = 'right' }: Envelope): Outgoing => {
  const body = JSON.stringify({
    id: event.id,
    create_time: event.createTime,
    resource_type: 'encrypt-resource',
    event_type: event.eventType,
    summary: event.summary,
    resource: encryptResource(merchant.apiV3Key, event.kind, JSON.stringify(event.content)),
  });
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const nonce = randomText(32);
  const signed = signRsaSha256(
    key.privateKey,
    `${timestamp}\n${nonce}\n${signature === 'wrong' ? 'another body' : body}\n`,
  );
  return {
    url,
    body,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Mozilla/4.0',
      'wechatpay-serial': key.serial,
      'wechatpay-timestamp': timestamp,
      'wechatpay-nonce': nonce,
      'wechatpay-signature-type': 'WECHATPAY2-SHA256-RSA2048',
      'wechatpay-signature':
        signature === 'probe' ? `WECHATPAY/SIGNTEST/${randomBytes(252).toString('base64')}` : signed,
    },
  };
};
