// The members of Waffo's answers and webhooks that billing reads.
import { z } from 'zod';
import type { Paid } from '../channel.ts';
import { nanoOf } from './decimal.ts';
import type { WaffoConfig } from './waffo.ts';

export const orderState = z.object({
  paymentRequestId: z.string().max(32),
  acquiringOrderId: z.string().max(64),
  orderStatus: z.string().max(64),
  orderAction: z.string().max(4096).optional(),
});

export const orderAnswer = orderState.extend({
  orderCurrency: z.string().max(12),
  orderAmount: z.string().max(24),
  merchantInfo: z.object({ merchantId: z.string().max(64) }).optional(),
});

const action = z.object({ webUrl: z.url({ protocol: /^https?$/ }).max(2048) });

/** Where the payer pays: `orderAction` is JSON in a string. */
export const webUrlOf = (orderAction: string | undefined): string | undefined => {
  if (orderAction === undefined) return undefined;
  try {
    return action.safeParse(JSON.parse(orderAction)).data?.webUrl;
  } catch {
    // Not JSON: no page to pay at, as if there were none.
    return undefined;
  }
};

/** Whose an order is by its own word. `unnamed`: it names no merchant. */
export const merchantOf = (
  { merchantInfo }: z.infer<typeof orderAnswer>,
  config: WaffoConfig,
): 'ours' | 'foreign' | 'unnamed' => {
  if (merchantInfo === undefined) return 'unnamed';
  return merchantInfo.merchantId === config.WAFFO_MERCHANT_ID ? 'ours' : 'foreign';
};

/** The payment in a paid order; undefined when the amount is unreadable. */
export const paidOf = (order: z.infer<typeof orderAnswer>): Paid | undefined => {
  const amount = nanoOf(order.orderAmount);
  if (amount === undefined) return undefined;
  return {
    orderNo: order.paymentRequestId,
    amount,
    currency: order.orderCurrency,
    channelPaymentId: order.acquiringOrderId,
  };
};
