// Fields of Waffo's order and refund modules with their limits (github.com/waffo-com/waffo-integrate, references/api-contract.md).
import { z } from 'zod';
import { parseJson } from '../http/raw-body.ts';
import { WaffoRefusal } from './codes.ts';

/** UTC ending in Z, with milliseconds at most (code-generation-rules.md there, "Time field format"). */
const time = z.iso.datetime().refine((text) => !/\.\d{4,}Z$/.test(text), 'must not be finer than milliseconds');
const url = (max: number) => z.url({ protocol: /^https?$/ }).max(max);
const optionalText = (max: number) => z.string().max(max).optional();
/** Two decimals at most, positive, as for USD and most currencies. */
const amount = z
  .string()
  .max(24)
  .regex(/^(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,2})?$/)
  .refine((text) => Number(text) > 0, 'must be positive');

export const orderCreate = z.object({
  paymentRequestId: z.string().min(1).max(32),
  merchantOrderId: z.string().min(1).max(64),
  orderCurrency: z.string().regex(/^[A-Z]{3}$/),
  orderAmount: amount,
  orderDescription: z.string().min(1).max(128),
  orderRequestedAt: time,
  orderExpiredAt: time.optional(),
  successRedirectUrl: url(512).optional(),
  failedRedirectUrl: url(512).optional(),
  cancelRedirectUrl: url(512).optional(),
  notifyUrl: url(256),
  extendInfo: optionalText(128),
  merchantInfo: z.object({ merchantId: z.string().min(1).max(64), subMerchantId: optionalText(64) }),
  userInfo: z.looseObject({
    userId: z.string().min(1).max(64),
    userEmail: z.email().max(64),
    userTerminal: z.enum(['WEB', 'APP', 'IN_WALLET_APP', 'IN_MINI_PROGRAM']),
  }),
  goodsInfo: z
    .looseObject({
      goodsName: z.string().min(1).max(64),
      goodsUrl: z.string().min(1).max(128),
      appName: z.string().min(1).max(32),
    })
    .optional(),
  paymentInfo: z.looseObject({ productName: z.enum(['ONE_TIME_PAYMENT', 'DIRECT_PAYMENT']) }),
});
export type OrderCreate = z.infer<typeof orderCreate>;

export const orderInquiry = z
  .object({
    paymentRequestId: z.string().min(1).max(32).optional(),
    acquiringOrderId: z.string().min(1).max(32).optional(),
  })
  .refine((q) => q.paymentRequestId || q.acquiringOrderId, 'paymentRequestId or acquiringOrderId is required');
export type OrderReference = z.infer<typeof orderInquiry>;

export const orderCancel = z
  .object({
    paymentRequestId: z.string().min(1).max(32).optional(),
    acquiringOrderId: z.string().min(1).max(32).optional(),
    merchantId: z.string().min(1).max(64),
    orderRequestedAt: time,
  })
  .refine((q) => q.paymentRequestId || q.acquiringOrderId, 'paymentRequestId or acquiringOrderId is required');

export const orderRefund = z.object({
  refundRequestId: z.string().min(1).max(32),
  acquiringOrderId: z.string().min(1).max(32),
  merchantRefundOrderId: optionalText(64),
  merchantId: z.string().min(1).max(64),
  requestedAt: time,
  refundAmount: amount,
  refundReason: z.string().min(1).max(256),
  refundNotifyUrl: url(256).optional(),
  extendInfo: optionalText(128),
});
export type OrderRefund = z.infer<typeof orderRefund>;

export const refundInquiry = z
  .object({
    refundRequestId: z.string().min(1).max(32).optional(),
    acquiringRefundOrderId: z.string().min(1).max(64).optional(),
  })
  .refine(
    (q) => q.refundRequestId || q.acquiringRefundOrderId,
    'refundRequestId or acquiringRefundOrderId is required',
  );

/** Parses a JSON body; answers A0003 naming the first wrong field. */
export const parseFields = <T>(schema: z.ZodType<T>, body: Buffer): T => {
  const parsed = schema.safeParse(parseJson(body));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new WaffoRefusal('A0003', `${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim());
};
