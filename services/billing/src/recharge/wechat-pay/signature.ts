// WeChat Pay's signature on answers and notifications: timestamp LF nonce LF body LF, by the key that Wechatpay-Serial names.
import type { KeyObject } from 'node:crypto';
import { NotificationRefused } from '../channel.ts';
import { verifyRsa } from '../rsa.ts';

/** A message may be five minutes old (https://pay.weixin.qq.com/doc/v3/merchant/4012365342). */
const windowSeconds = 300;

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

const textOf = (headers: Headers, name: string): string => {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
};

/** Throws NotificationRefused when the bytes are not signed by WeChat Pay, now. */
export const verifyWechatPay = (
  keys: Readonly<Record<string, KeyObject>>,
  now: Date,
  headers: Headers,
  body: string | Buffer,
): void => {
  const serial = textOf(headers, 'wechatpay-serial');
  const key = Object.hasOwn(keys, serial) ? keys[serial] : undefined;
  if (key === undefined) throw new NotificationRefused('unknown_key', 'signed with a key that is not configured');
  const timestamp = textOf(headers, 'wechatpay-timestamp');
  const nonce = textOf(headers, 'wechatpay-nonce');
  const seconds = /^[0-9]{1,12}$/.test(timestamp) ? Number(timestamp) : Number.NaN;
  if (!(Math.abs(now.getTime() / 1000 - seconds) <= windowSeconds))
    throw new NotificationRefused('stale', 'the timestamp is not within five minutes');
  const message = Buffer.concat([Buffer.from(`${timestamp}\n${nonce}\n`), Buffer.from(body), Buffer.from('\n')]);
  if (!verifyRsa(key, message, textOf(headers, 'wechatpay-signature')))
    throw new NotificationRefused('bad_signature', 'the signature does not fit');
};
