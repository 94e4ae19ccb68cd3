// Fields of WeChat Pay's requests with the vendor's limits (https://pay.weixin.qq.com/doc/v3/merchant/4012525171 ).
import { z } from 'zod';
import { parseJson } from '../http/raw-body.ts';
import { WechatRefusal } from './refusal.ts';

const rfc3339 = z.iso.datetime({ offset: true });
const outTradeNo = z.string().regex(/^[0-9A-Za-z_\-|*]{6,32}$/);

/** The original demands https; on loopback there is none, so http is let through. No query string, as in the original. */
const notifyUrl = z
  .url({ protocol: /^https?$/ })
  .max(255)
  .refine((url) => !/[?#]/.test(url), 'must not carry parameters');

export const nativeOrder = z.strictObject({
  appid: z.string().min(1).max(32),
  mchid: z.string().min(1).max(32),
  description: z.string().min(1).max(127),
  out_trade_no: outTradeNo,
  time_expire: rfc3339.optional(),
  attach: z.string().max(128).optional(),
  notify_url: notifyUrl,
  goods_tag: z.string().max(32).optional(),
  support_fapiao: z.boolean().optional(),
  amount: z.strictObject({
    total: z.number().int().min(1).max(100_000_000_00),
    currency: z.literal('CNY').default('CNY'),
  }),
  scene_info: z.looseObject({ payer_client_ip: z.string().max(45) }).optional(),
});
export type NativeOrder = z.infer<typeof nativeOrder>;

export const closeOrder = z.strictObject({ mchid: z.string().min(1).max(32) });

export const refundRequest = z
  .strictObject({
    transaction_id: z.string().min(1).max(32).optional(),
    out_trade_no: outTradeNo.optional(),
    out_refund_no: z.string().regex(/^[0-9A-Za-z_\-|*@]{1,64}$/),
    reason: z.string().min(1).max(80).optional(),
    notify_url: notifyUrl.optional(),
    funds_account: z.enum(['AVAILABLE', 'UNSETTLED']).optional(),
    amount: z.strictObject({
      refund: z.number().int().min(1),
      total: z.number().int().min(1),
      currency: z.literal('CNY'),
    }),
  })
  .refine((r) => (r.transaction_id === undefined) !== (r.out_trade_no === undefined), {
    path: ['transaction_id'],
    message: 'exactly one of transaction_id and out_trade_no',
  });
export type RefundRequest = z.infer<typeof refundRequest>;

/** Parses a JSON body; a wrong field answers PARAM_ERROR with the JSON pointer to it. */
export const parseFields = <T>(schema: z.ZodType<T>, body: Buffer): T => {
  const value = parseJson(body);
  if (value === undefined)
    throw new WechatRefusal('PARAM_ERROR', '请求体不是合法的JSON', { location: 'body', issue: 'JSON' });
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new WechatRefusal('PARAM_ERROR', '参数错误', {
    field: `/${issue?.path.join('/') ?? ''}`,
    issue: issue?.message ?? '',
    location: 'body',
  });
};
