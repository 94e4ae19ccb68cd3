// Waffo PSP, one-time payment at Waffo's own page: the payer is redirected.
// waffo.com/docs/en/developer-docs, github.com/waffo-com/waffo-integrate (references/api-contract.md)
import { secret } from '@meridian/kit/config/values.ts';
import { serviceUrl } from '@meridian/kit/run/platform-variables.ts';
import { z } from 'zod';
import type { Channel, ChannelOrder, Closed, Created, Queried } from '../channel.ts';
import type { ChannelContext } from '../channels.ts';
import { rsaPrivateKey, rsaPublicKey, signRsa } from '../rsa.ts';
import { createWaffoClient, type WaffoAnswer } from './client.ts';
import { decimalOf } from './decimal.ts';
import { parseWaffoNotification } from './notification.ts';
import { merchantOf, orderAnswer, orderState, paidOf, webUrlOf } from './order-answer.ts';

export const waffoVariables = {
  /** https://api.waffo.com */
  WAFFO_ENDPOINT: serviceUrl,
  WAFFO_API_KEY: secret,
  WAFFO_MERCHANT_ID: z.string().min(4).max(64),
  WAFFO_PRIVATE_KEY: rsaPrivateKey,
  /** Waffo's own key. */
  WAFFO_PUBLIC_KEY: rsaPublicKey,
};
export type WaffoConfig = { readonly [K in keyof typeof waffoVariables]: z.output<(typeof waffoVariables)[K]> };

const codes = { notThere: 'A0009', otherContent: 'A0011', paid: 'A0013', expired: 'A0034' } as const;
const success = '{"message":"success"}';

const unknownOf = (answer: WaffoAnswer) =>
  ({ kind: 'unknown', reason: answer.kind === 'unproven' ? answer.reason : answer.code }) as const;

export const createWaffo = (config: WaffoConfig, context: ChannelContext): Channel => {
  const send = createWaffoClient(config, context);
  const merchantId = config.WAFFO_MERCHANT_ID;
  const returnUrl = context.profile.corsOrigins[0];

  const inquire = (orderNo: string) => send('/api/v1/order/inquiry', { paymentRequestId: orderNo });

  const createdFrom = (answer: WaffoAnswer, orderNo: string): Created => {
    if (answer.kind === 'unproven' || answer.code !== '0') return unknownOf(answer);
    const order = orderState.safeParse(answer.data);
    if (!order.success || order.data.paymentRequestId !== orderNo) return { kind: 'unknown', reason: 'UNREADABLE' };
    const url = webUrlOf(order.data.orderAction);
    if (url !== undefined) return { kind: 'payable', payment: { kind: 'redirect', url } };
    const ended = order.data.orderStatus === 'PAY_SUCCESS' || order.data.orderStatus === 'ORDER_CLOSE';
    return ended ? { kind: 'finished' } : { kind: 'unknown', reason: `STATUS_${order.data.orderStatus}` };
  };

  const create = async (order: ChannelOrder): Promise<Created> => {
    if (order.payerEmail === undefined) throw new Error('an order at Waffo needs the verified address of its payer');
    const answer = await send('/api/v1/order/create', {
      paymentRequestId: order.orderNo,
      merchantOrderId: order.orderNo,
      orderCurrency: order.currency,
      orderAmount: decimalOf(order.amount),
      orderDescription: 'Balance recharge',
      orderRequestedAt: order.createdAt.toISOString(),
      orderExpiredAt: order.expiresAt.toISOString(),
      notifyUrl: context.notifyUrl,
      ...(returnUrl && { successRedirectUrl: returnUrl, failedRedirectUrl: returnUrl, cancelRedirectUrl: returnUrl }),
      merchantInfo: { merchantId },
      userInfo: { userId: order.payerId, userEmail: order.payerEmail, userTerminal: 'WEB' },
      goodsInfo: {
        goodsName: 'Balance recharge',
        goodsUrl: returnUrl ?? context.profile.addresses.api,
        appName: context.profile.name.slice(0, 32),
      },
      paymentInfo: { productName: 'ONE_TIME_PAYMENT' },
    });
    // The order is there already, made with another address of the payer: its page is still the one to pay at.
    if (answer.kind === 'proven' && answer.code === codes.otherContent)
      return createdFrom(await inquire(order.orderNo), order.orderNo);
    return createdFrom(answer, order.orderNo);
  };

  const query = async (orderNo: string): Promise<Queried> => {
    const answer = await inquire(orderNo);
    if (answer.kind === 'unproven') return unknownOf(answer);
    if (answer.code === codes.notThere) return { kind: 'open' };
    const order = orderAnswer.safeParse(answer.data);
    if (answer.code !== '0' || !order.success || order.data.paymentRequestId !== orderNo) return unknownOf(answer);
    // Asked with our API key: an order that names no merchant is ours.
    if (merchantOf(order.data, config) === 'foreign') return { kind: 'wrong_merchant' };
    if (order.data.orderStatus === 'ORDER_CLOSE') return { kind: 'closed' };
    if (order.data.orderStatus !== 'PAY_SUCCESS') return { kind: 'open' };
    const paid = paidOf(order.data);
    // A refund changes no status of the order: only its notification tells.
    return paid === undefined ? { kind: 'unknown', reason: 'UNREADABLE' } : { kind: 'paid', paid, refunded: false };
  };

  const close = async ({ orderNo }: Pick<ChannelOrder, 'orderNo'>): Promise<Closed> => {
    const orderRequestedAt = context.now().toISOString();
    const answer = await send('/api/v1/order/cancel', { paymentRequestId: orderNo, merchantId, orderRequestedAt });
    if (answer.kind === 'unproven') return unknownOf(answer);
    if (answer.code === codes.paid) return { kind: 'paid' };
    if (answer.code === codes.notThere) return { kind: 'closed' };
    // Past orderExpiredAt: nobody can pay it any more, but somebody may have. Only the order itself tells.
    if (answer.code === codes.expired) {
      const { kind } = await query(orderNo);
      return kind === 'paid' || kind === 'closed' ? { kind } : unknownOf(answer);
    }
    const order = orderState.safeParse(answer.data);
    const closed = answer.code === '0' && order.success && order.data.paymentRequestId === orderNo;
    return closed && order.data.orderStatus === 'ORDER_CLOSE' ? { kind: 'closed' } : unknownOf(answer);
  };

  return {
    needsEmail: true,
    create,
    query,
    close,
    parseNotification: (headers, rawBody) => parseWaffoNotification(config, headers, rawBody),
    acknowledge: () => ({
      status: 200,
      body: success,
      headers: { 'content-type': 'application/json', 'x-signature': signRsa(config.WAFFO_PRIVATE_KEY, success) },
    }),
  };
};
