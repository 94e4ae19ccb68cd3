// Verifies `Authorization: WECHATPAY2-SHA256-RSA2048 ...` of a merchant's request, strictly.
// https://pay.weixin.qq.com/doc/v3/merchant/4012365336 : method LF path with query LF seconds LF nonce LF body LF.
import type { FastifyRequest } from 'fastify';
import { createNonceMemory } from '../crypto/nonce-memory.ts';
import { verifyRsaSha256 } from '../crypto/rsa-sha256.ts';
import { headerOf, rawBodyOf } from '../http/raw-body.ts';
import type { Merchant } from './merchant.ts';
import { WechatRefusal } from './refusal.ts';

const windowSeconds = 300;
const scheme = 'WECHATPAY2-SHA256-RSA2048 ';
const names = ['mchid', 'nonce_str', 'signature', 'timestamp', 'serial_no'];

const parametersOf = (header: string) => {
  if (!header.startsWith(scheme)) return undefined;
  const pairs = header
    .slice(scheme.length)
    .split(/,\s*/)
    .map((pair) => /^([a-z_]+)="([^"]*)"$/.exec(pair));
  const found = new Map(pairs.map((pair) => [pair?.[1] ?? '', pair?.[2] ?? '']));
  return found.size === names.length && pairs.length === names.length && names.every((name) => found.get(name))
    ? found
    : undefined;
};

const signError = (issue: string) =>
  new WechatRefusal('SIGN_ERROR', '错误的签名，验签失败', { field: 'signature', issue, location: 'authorization' });

/** Answers the merchant that signed; throws WechatRefusal. */
export const createAuthorization = ({ merchants, now }: { merchants: Merchant[]; now: () => Date }) => {
  const nonces = createNonceMemory({ windowMs: 2 * windowSeconds * 1000, limit: 100_000, now });
  return (request: FastifyRequest): Merchant => {
    // The original refuses requests without these headers.
    if (!headerOf(request, 'user-agent'))
      throw new WechatRefusal('PARAM_ERROR', 'Http头缺少User-Agent', { field: 'User-Agent', location: 'header' });
    if (!/application\/json|\*\/\*/.test(headerOf(request, 'accept')))
      throw new WechatRefusal('PARAM_ERROR', 'Http头缺少Accept或不是application/json', {
        field: 'Accept',
        location: 'header',
      });
    if (request.method === 'POST' && !/^application\/json\s*(;|$)/i.test(headerOf(request, 'content-type')))
      throw new WechatRefusal('PARAM_ERROR', 'Http头Content-Type不是application/json', {
        field: 'Content-Type',
        location: 'header',
      });

    const given = parametersOf(headerOf(request, 'authorization'));
    if (!given) throw signError('Http头Authorization不正确');
    const merchant = merchants.find((m) => m.mchId === given.get('mchid'));
    if (!merchant)
      throw new WechatRefusal('MCH_NOT_EXISTS', '商户号不存在', { field: 'mchid', location: 'authorization' });
    if (given.get('serial_no') !== merchant.serial) throw signError('商户证书序列号有误');
    const [timestamp = '', nonce = ''] = [given.get('timestamp'), given.get('nonce_str')];
    const seconds = /^[0-9]{10}$/.test(timestamp) ? Number(timestamp) : Number.NaN;
    if (!(Math.abs(now().getTime() / 1000 - seconds) <= windowSeconds))
      throw signError('timestamp与服务器时间相差超过5分钟');
    if (nonce.length < 8 || nonce.length > 64) throw signError('nonce_str长度不正确');
    const head = Buffer.from(`${request.method}\n${request.url}\n${timestamp}\n${nonce}\n`);
    const message = Buffer.concat([head, rawBodyOf(request), Buffer.from('\n')]);
    if (!verifyRsaSha256(merchant.publicKey, message, given.get('signature') ?? '')) throw signError('sign not match');
    if (!nonces.use(`${merchant.mchId}:${nonce}`)) throw signError('nonce_str已被使用');
    return merchant;
  };
};
