import { z } from 'zod';
import { commonFaults, notifyFaults, times } from '../control/faults.ts';
import { createPart, type Part } from '../control/part.ts';
import { waffoCodes } from './codes.ts';

const faults = z.strictObject({
  ...commonFaults,
  /** Answer this code. `processed`: the work was done all the same, as can be behind an E code. */
  answer: z.strictObject({ code: z.enum(waffoCodes), processed: z.boolean().default(false), times }).optional(),
  notify: notifyFaults.optional(),
  /** Answer the merchant's questions about orders as if these were another merchant's. */
  otherMerchant: z.strictObject({ times }).optional(),
  /** Answer that an order is past its time to whoever cancels it. */
  tooLateToCancel: z.strictObject({ times }).optional(),
  answerSignature: z.strictObject({ kind: z.enum(['wrong', 'absent']), times }).optional(),
  refund: z
    .strictObject({
      outcome: z.enum(['REFUNDED', 'ORDER_REFUND_FAILED']).optional(),
      /** Real milliseconds from acceptance to the outcome. */
      delayMs: z.number().int().min(0).max(600_000).optional(),
    })
    .optional(),
});
export type WaffoFaults = z.infer<typeof faults>;
export type WaffoPart = Part<WaffoFaults>;

export const createWaffoPart = (): WaffoPart => createPart<WaffoFaults>('waffo', 'Waffo PSP', faults);
