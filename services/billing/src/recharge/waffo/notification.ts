// Waffo's webhooks: {eventType, result}, signed over the raw bytes.
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { type Notification, NotificationRefused } from '../channel.ts';
import { verifyRsa } from '../rsa.ts';
import { merchantOf, orderAnswer, paidOf } from './order-answer.ts';
import type { WaffoConfig } from './waffo.ts';

const webhook = z.object({ eventType: z.string().min(1).max(64), result: z.unknown() });

// What every other kind of message (REFUND_NOTIFICATION and its like) says of whose it is: a refund names the payment it gives back.
const about = z.object({
  origPaymentRequestId: z.string().max(32).optional(),
  paymentRequestId: z.string().max(32).optional(),
});

const read = (rawBody: Buffer): z.infer<typeof webhook> => {
  try {
    return webhook.parse(JSON.parse(rawBody.toString('utf8')));
  } catch {
    // Parser and schema messages may quote the message.
    throw new NotificationRefused('unreadable', 'the webhook does not have the documented form');
  }
};

/** Throws NotificationRefused. Only a PAYMENT_NOTIFICATION with PAY_SUCCESS pays an order, or has it asked about; the rest is noted. */
export const parseWaffoNotification = (
  config: WaffoConfig,
  headers: IncomingHttpHeaders,
  rawBody: Buffer,
): Notification => {
  const signature = headers['x-signature'];
  if (typeof signature !== 'string' || !verifyRsa(config.WAFFO_PUBLIC_KEY, rawBody, signature))
    throw new NotificationRefused('bad_signature', 'the signature does not fit');
  const { eventType, result } = read(rawBody);
  // Webhooks carry no id of their own; a repetition has the same bytes.
  const eventId = createHash('sha256').update(rawBody).digest('hex');
  if (eventType !== 'PAYMENT_NOTIFICATION') {
    const named = about.safeParse(result).data;
    const orderNo = named?.origPaymentRequestId ?? named?.paymentRequestId;
    return { eventId, kind: eventType, orderNo, paid: undefined };
  }
  const order = orderAnswer.safeParse(result);
  if (!order.success) throw new NotificationRefused('unreadable', 'the webhook names no order');
  const { orderStatus, paymentRequestId } = order.data;
  const kind = `${eventType}:${orderStatus}`;
  if (orderStatus !== 'PAY_SUCCESS') return { eventId, kind, orderNo: paymentRequestId, paid: undefined };
  const merchant = merchantOf(order.data, config);
  if (merchant === 'foreign')
    throw new NotificationRefused('wrong_merchant', 'the payment is not one of this merchant');
  // The signature is Waffo's, for all of its merchants: it does not say whose the payment is. An inquiry with our API key does.
  if (merchant === 'unnamed') return { eventId, kind, orderNo: paymentRequestId, paid: undefined, ask: true };
  const paid = paidOf(order.data);
  if (paid === undefined) throw new NotificationRefused('unreadable', 'the webhook has no readable amount');
  return { eventId, kind, orderNo: paymentRequestId, paid };
};
