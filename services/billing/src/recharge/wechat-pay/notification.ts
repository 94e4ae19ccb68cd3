// WeChat Pay's notifications: signature over the raw bytes, then the encrypted resource, then whose it is.
// https://pay.weixin.qq.com/doc/v3/merchant/4012791861
import { createDecipheriv } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { type Notification, NotificationRefused } from '../channel.ts';
import { verifyWechatPay } from './signature.ts';
import { isOurs, paidOf, transaction } from './transaction.ts';
import type { WechatPayConfig } from './wechat-pay.ts';

const message = z.object({
  id: z.string().min(1).max(64),
  event_type: z.string().max(64),
  resource: z.object({
    algorithm: z.literal('AEAD_AES_256_GCM'),
    ciphertext: z.string(),
    nonce: z.string().refine((nonce) => Buffer.byteLength(nonce) === 12),
    associated_data: z.string().default(''),
  }),
});
// What every other kind of message (REFUND.SUCCESS and its like) says of whose it is.
const about = z.object({ mchid: z.string().optional(), out_trade_no: z.string().max(32).optional() });
type Resource = z.infer<typeof message>['resource'];

const tagBytes = 16;

const unreadable = (what: string): never => {
  throw new NotificationRefused('unreadable', what);
};

const parsed = <T>(schema: z.ZodType<T>, text: string, what: string): T => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message quotes the text.
    return unreadable(`${what} is not JSON`);
  }
  const result = schema.safeParse(value);
  return result.success ? result.data : unreadable(`${what} does not have the documented form`);
};

const decrypt = (apiV3Key: string, { ciphertext, nonce, associated_data }: Resource): string => {
  const bytes = Buffer.from(ciphertext, 'base64');
  if (bytes.length <= tagBytes) return unreadable('the resource is too short');
  try {
    const decipher = createDecipheriv('aes-256-gcm', Buffer.from(apiV3Key), Buffer.from(nonce), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(Buffer.from(associated_data)).setAuthTag(bytes.subarray(-tagBytes));
    return Buffer.concat([decipher.update(bytes.subarray(0, -tagBytes)), decipher.final()]).toString('utf8');
  } catch {
    // OpenSSL only says that the tag does not fit.
    return unreadable('the resource cannot be decrypted');
  }
};

/** Throws NotificationRefused. */
export const parseWechatPayNotification = (
  config: WechatPayConfig,
  now: () => Date,
  headers: IncomingHttpHeaders,
  rawBody: Buffer,
): Notification => {
  verifyWechatPay(config.WECHAT_PAY_PLATFORM_KEYS, now(), headers, rawBody);
  const { id, event_type: kind, resource } = parsed(message, rawBody.toString('utf8'), 'the notification');
  const text = decrypt(config.WECHAT_PAY_API_V3_KEY, resource);
  if (kind !== 'TRANSACTION.SUCCESS') {
    const { mchid = config.WECHAT_PAY_MCHID, out_trade_no } = parsed(about, text, 'the resource');
    if (mchid !== config.WECHAT_PAY_MCHID) throw new NotificationRefused('wrong_merchant', 'not of this merchant');
    return { eventId: id, kind, orderNo: out_trade_no, paid: undefined };
  }
  const content = parsed(transaction, text, 'the resource');
  if (!isOurs(content, config))
    throw new NotificationRefused('wrong_merchant', 'the payment is not one of this merchant');
  if (content.trade_state !== 'SUCCESS') return { eventId: id, kind, orderNo: content.out_trade_no, paid: undefined };
  const paid = paidOf(content) ?? unreadable('the payment has no amount or number');
  return { eventId: id, kind, orderNo: content.out_trade_no, paid };
};
