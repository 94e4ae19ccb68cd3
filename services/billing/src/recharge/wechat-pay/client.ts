// Signed requests to WeChat Pay; only answers whose signature is verified count.
import { randomBytes } from 'node:crypto';
import { exchange } from '@meridian/client/transport.ts';
import type { ChannelContext } from '../channels.ts';
import { signRsa } from '../rsa.ts';
import { verifyWechatPay } from './signature.ts';
import type { WechatPayConfig } from './wechat-pay.ts';

/** `unproven`: no answer, or none that is provably WeChat Pay's. What was asked for may have happened. */
export type WechatPayAnswer =
  | { readonly kind: 'proven'; readonly status: number; readonly body: unknown }
  | { readonly kind: 'unproven'; readonly reason: string };

const timeoutMs = 6_000;
const maxAnswerBytes = 256 * 1024;

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'failed';

export const createWechatPayClient = (config: WechatPayConfig, { now, log }: Pick<ChannelContext, 'now' | 'log'>) => {
  const keys = config.WECHAT_PAY_PLATFORM_KEYS;
  // Asks for the answer to be signed with the public-key-mode key where there is one.
  const wanted = Object.keys(keys).find((serial) => serial.startsWith('PUB_KEY_ID_'));
  const base = config.WECHAT_PAY_ENDPOINT.replace(/\/+$/, '');

  const authorization = (method: string, path: string, body: string): string => {
    const timestamp = Math.floor(now().getTime() / 1000);
    const nonce = randomBytes(16).toString('hex');
    const signature = signRsa(config.WECHAT_PAY_PRIVATE_KEY, `${method}\n${path}\n${timestamp}\n${nonce}\n${body}\n`);
    const parts = {
      mchid: config.WECHAT_PAY_MCHID,
      nonce_str: nonce,
      signature,
      timestamp,
      serial_no: config.WECHAT_PAY_SERIAL,
    };
    return `WECHATPAY2-SHA256-RSA2048 ${Object.entries(parts)
      .map(([name, value]) => `${name}="${value}"`)
      .join(',')}`;
  };

  return async (method: 'GET' | 'POST', path: string, content?: object): Promise<WechatPayAnswer> => {
    const body = content === undefined ? '' : JSON.stringify(content);
    try {
      const answer = await exchange(
        { baseUrl: base, timeoutMs, maxAnswerBytes },
        {
          method,
          url: `${base}${path}`,
          ...(content !== undefined && { body }),
          headers: {
            accept: 'application/json',
            'user-agent': 'meridian-billing',
            ...(content !== undefined && { 'content-type': 'application/json' }),
            ...(wanted !== undefined && { 'wechatpay-serial': wanted }),
            authorization: authorization(method, path, body),
          },
        },
      );
      verifyWechatPay(keys, now(), answer.headers, Buffer.from(answer.bytes));
      return { kind: 'proven', status: answer.status, body: answer.json() };
    } catch (error) {
      log.warn({ channel: 'wechat_pay', code: codeOf(error) }, 'no proven answer from the payment channel');
      return { kind: 'unproven', reason: codeOf(error) };
    }
  };
};
