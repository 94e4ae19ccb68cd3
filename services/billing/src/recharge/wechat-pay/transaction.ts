// The members of WeChat Pay's answers that billing reads.
import { z } from 'zod';
import type { Paid } from '../channel.ts';
import type { WechatPayConfig } from './wechat-pay.ts';

export const nativeAnswer = z.object({ code_url: z.string().min(1).max(512) });
export const errorAnswer = z.object({ code: z.string().max(64) });

export const transaction = z.object({
  mchid: z.string(),
  appid: z.string(),
  out_trade_no: z.string().max(32),
  trade_state: z.string().max(32),
  transaction_id: z.string().max(32).optional(),
  amount: z.object({ total: z.number().int(), currency: z.string().optional() }).optional(),
});
export type Transaction = z.infer<typeof transaction>;

/** One fen is 0.01 yuan. */
export const nanoPerFen = 10_000_000n;

/** Whether both merchant and application are ours. */
export const isOurs = (t: Transaction, config: WechatPayConfig): boolean =>
  t.mchid === config.WECHAT_PAY_MCHID && t.appid === config.WECHAT_PAY_APPID;

/** The payment in a transaction of ours; undefined when a member is missing. */
export const paidOf = (t: Transaction): Paid | undefined => {
  if (t.amount === undefined || t.transaction_id === undefined) return undefined;
  return {
    orderNo: t.out_trade_no,
    amount: BigInt(t.amount.total) * nanoPerFen,
    // The vendor leaves the currency out where it is the only one.
    currency: t.amount.currency ?? 'CNY',
    channelPaymentId: t.transaction_id,
  };
};
