// WeChat Pay, API v3, Native payment of a direct merchant: the payer scans a QR code.
// https://pay.weixin.qq.com/doc/v3/merchant/4012525171 (order), 4013070356 (query), 4012365336 (signature)

import { json, secret } from '@meridian/kit/config/values.ts';
import { serviceUrl } from '@meridian/kit/run/platform-variables.ts';
import { z } from 'zod';
import type { Channel, ChannelOrder, Closed, Created, Queried } from '../channel.ts';
import type { ChannelContext } from '../channels.ts';
import { rsaPrivateKey, rsaPublicKey } from '../rsa.ts';
import { createWechatPayClient } from './client.ts';
import { parseWechatPayNotification } from './notification.ts';
import { errorAnswer, isOurs, nanoPerFen, nativeAnswer, paidOf, transaction } from './transaction.ts';

export const wechatPayVariables = {
  /** https://api.mch.weixin.qq.com */
  WECHAT_PAY_ENDPOINT: serviceUrl,
  WECHAT_PAY_MCHID: z.string().regex(/^[0-9]{6,32}$/),
  WECHAT_PAY_APPID: z.string().regex(/^[A-Za-z0-9]{6,32}$/),
  /** Serial number of the merchant's certificate. */
  WECHAT_PAY_SERIAL: z.string().regex(/^[0-9A-Fa-f]{8,64}$/),
  WECHAT_PAY_PRIVATE_KEY: rsaPrivateKey,
  /** 32 bytes. */
  WECHAT_PAY_API_V3_KEY: secret.refine((value) => Buffer.byteLength(value) === 32, { message: 'must be 32 bytes' }),
  /** JSON { serial of a platform certificate, or PUB_KEY_ID_...: PEM }. Both kinds arrive while a merchant migrates. */
  WECHAT_PAY_PLATFORM_KEYS: json(
    z
      .record(z.string().min(8).max(80), rsaPublicKey)
      .refine((keys) => Object.keys(keys).length > 0, { message: 'must name a key' }),
  ),
};
export type WechatPayConfig = {
  readonly [K in keyof typeof wechatPayVariables]: z.output<(typeof wechatPayVariables)[K]>;
};

const neverHeardOf = new Set(['ORDER_NOT_EXIST', 'ORDERNOTEXIST', 'RESOURCE_NOT_EXISTS']);
const alreadyClosed = new Set(['ORDER_CLOSED', 'ORDERCLOSED']);
const alreadyPaid = new Set(['ORDERPAID', 'ORDER_PAID']);

export const createWechatPay = (config: WechatPayConfig, context: ChannelContext): Channel => {
  const send = createWechatPayClient(config, context);
  const pathOf = (orderNo: string) => `/v3/pay/transactions/out-trade-no/${encodeURIComponent(orderNo)}`;
  const unknown = (answer: { reason: string }) => ({ kind: 'unknown', reason: answer.reason }) as const;
  const codeOf = (body: unknown) => errorAnswer.safeParse(body).data?.code ?? 'UNREADABLE';

  const create = async (order: ChannelOrder): Promise<Created> => {
    const answer = await send('POST', '/v3/pay/transactions/native', {
      appid: config.WECHAT_PAY_APPID,
      mchid: config.WECHAT_PAY_MCHID,
      description: 'Meridian 账户充值',
      out_trade_no: order.orderNo,
      time_expire: `${order.expiresAt.toISOString().slice(0, 19)}+00:00`,
      notify_url: context.notifyUrl,
      amount: { total: Number(order.amount / nanoPerFen), currency: order.currency },
    });
    if (answer.kind === 'unproven') return unknown(answer);
    const made = nativeAnswer.safeParse(answer.body);
    if (answer.status === 200 && made.success)
      return { kind: 'payable', payment: { kind: 'qr_code', codeUrl: made.data.code_url } };
    const code = codeOf(answer.body);
    return alreadyPaid.has(code) || alreadyClosed.has(code) ? { kind: 'finished' } : { kind: 'unknown', reason: code };
  };

  const query = async (orderNo: string): Promise<Queried> => {
    const answer = await send('GET', `${pathOf(orderNo)}?mchid=${config.WECHAT_PAY_MCHID}`);
    if (answer.kind === 'unproven') return unknown(answer);
    if (answer.status !== 200) {
      const code = codeOf(answer.body);
      return neverHeardOf.has(code) ? { kind: 'open' } : { kind: 'unknown', reason: code };
    }
    const found = transaction.safeParse(answer.body);
    if (!found.success || found.data.out_trade_no !== orderNo) return { kind: 'unknown', reason: 'UNREADABLE' };
    if (!isOurs(found.data, config)) return { kind: 'wrong_merchant' };
    const { trade_state: state } = found.data;
    if (state === 'CLOSED' || state === 'REVOKED') return { kind: 'closed' };
    if (state === 'NOTPAY' || state === 'USERPAYING' || state === 'PAYERROR') return { kind: 'open' };
    // REFUND is what a paid order is called from its first partial refund on: the payment is booked, what was given back is for a person.
    const paid = state === 'SUCCESS' || state === 'REFUND' ? paidOf(found.data) : undefined;
    if (paid === undefined) return { kind: 'unknown', reason: `STATE_${state}` };
    return { kind: 'paid', paid, refunded: state === 'REFUND' };
  };

  const close = async ({ orderNo }: Pick<ChannelOrder, 'orderNo'>): Promise<Closed> => {
    const answer = await send('POST', `${pathOf(orderNo)}/close`, { mchid: config.WECHAT_PAY_MCHID });
    if (answer.kind === 'unproven') return unknown(answer);
    if (answer.status === 204) return { kind: 'closed' };
    const code = codeOf(answer.body);
    if (alreadyPaid.has(code)) return { kind: 'paid' };
    // Never ordered there: time_expire of an order under way has passed, so nobody can pay it any more.
    if (alreadyClosed.has(code) || neverHeardOf.has(code)) return { kind: 'closed' };
    return { kind: 'unknown', reason: code };
  };

  return {
    needsEmail: false,
    create,
    query,
    close,
    parseNotification: (headers, rawBody) => parseWechatPayNotification(config, context.now, headers, rawBody),
    acknowledge: () => ({ status: 204, body: '', headers: {} }),
  };
};
