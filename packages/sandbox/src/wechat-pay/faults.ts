import { z } from 'zod';
import { commonFaults, notifyFaults, times } from '../control/faults.ts';
import { createPart, type Part } from '../control/part.ts';
import { wechatCodes } from './refusal.ts';

const faults = z.strictObject({
  ...commonFaults,
  /** Refuse with this code of the vendor after the signature was verified. */
  answer: z.strictObject({ code: z.enum(wechatCodes), times }).optional(),
  notify: notifyFaults.optional(),
  /** Answer the merchant's questions about orders as if these were another merchant's. */
  otherMerchant: z.strictObject({ times }).optional(),
  /** Sign the answers to the merchant wrongly, or not at all. */
  answerSignature: z.strictObject({ kind: z.enum(['wrong', 'absent']), times }).optional(),
  /** Which platform key signs answers and notifications: the public-key-mode key unless the merchant asks otherwise. */
  signWith: z.enum(['public_key', 'certificate']).optional(),
  refund: z
    .strictObject({
      outcome: z.enum(['SUCCESS', 'ABNORMAL', 'CLOSED']).optional(),
      /** Real milliseconds from acceptance to the outcome. */
      delayMs: z.number().int().min(0).max(600_000).optional(),
    })
    .optional(),
});
export type WechatFaults = z.infer<typeof faults>;
export type WechatPart = Part<WechatFaults>;

export const createWechatPart = (): WechatPart =>
  createPart<WechatFaults>('wechat-pay', 'WeChat Pay API v3 (direct merchant)', faults);
