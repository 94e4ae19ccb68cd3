// A merchant of WeChat Pay API v3, written from the vendor's description.
import { createDecipheriv, randomBytes, sign, verify } from 'node:crypto';
import type { OperatorView } from '../../src/operator-view.ts';
import type { Received } from './sandbox.ts';

export type Options = {
  at?: Date;
  nonce?: string;
  tamperedBody?: string;
  serial?: string;
  privateKey?: string;
  mchId?: string;
  headers?: Record<string, string>;
};

/** A signed call; `answerValid` tells whether the answer's own signature holds. */
export const callWechat = async (
  view: OperatorView['wechatPay'],
  method: 'GET' | 'POST',
  path: string,
  content?: object,
  options: Options = {},
) => {
  const body = content ? JSON.stringify(content) : '';
  const timestamp = String(Math.floor((options.at ?? new Date()).getTime() / 1000));
  const nonce = options.nonce ?? randomBytes(16).toString('hex').toUpperCase();
  const signature = sign(
    'sha256',
    Buffer.from(`${method}\n${path}\n${timestamp}\n${nonce}\n${body}\n`),
    options.privateKey ?? view.merchantPrivateKey,
  ).toString('base64');
  const answer = await fetch(view.baseUrl + path, {
    method,
    headers: {
      accept: 'application/json',
      'user-agent': 'test',
      ...(content && { 'content-type': 'application/json' }),
      authorization: `WECHATPAY2-SHA256-RSA2048 mchid="${options.mchId ?? view.mchId}",nonce_str="${nonce}",signature="${signature}",timestamp="${timestamp}",serial_no="${options.serial ?? view.merchantSerial}"`,
      ...options.headers,
    },
    ...(content && { body: options.tamperedBody ?? body }),
  });
  const text = await answer.text();
  const head = (name: string) => answer.headers.get(name) ?? '';
  const key = view.platformKeys.find((k) => k.serial === head('wechatpay-serial'))?.publicKey;
  const message = `${head('wechatpay-timestamp')}\n${head('wechatpay-nonce')}\n${text}\n`;
  const answerValid =
    key !== undefined &&
    verify('sha256', Buffer.from(message), key, Buffer.from(head('wechatpay-signature'), 'base64'));
  return {
    status: answer.status,
    body: text ? JSON.parse(text) : undefined,
    answerValid,
    serial: head('wechatpay-serial'),
  };
};

/** Opens a notification; `valid` tells whether its signature holds. */
export const openNotification = (view: OperatorView['wechatPay'], { headers, body }: Received) => {
  const key = view.platformKeys.find((k) => k.serial === headers['wechatpay-serial'])?.publicKey;
  const message = `${headers['wechatpay-timestamp']}\n${headers['wechatpay-nonce']}\n${body}\n`;
  const valid =
    key !== undefined &&
    verify('sha256', Buffer.from(message), key, Buffer.from(String(headers['wechatpay-signature']), 'base64'));
  const event = JSON.parse(body);
  const bytes = Buffer.from(event.resource.ciphertext, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', Buffer.from(view.apiV3Key), Buffer.from(event.resource.nonce));
  decipher.setAAD(Buffer.from(event.resource.associated_data));
  decipher.setAuthTag(bytes.subarray(-16));
  const resource = JSON.parse(Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]).toString());
  return { valid, event, resource, timestamp: Number(headers['wechatpay-timestamp']) };
};
