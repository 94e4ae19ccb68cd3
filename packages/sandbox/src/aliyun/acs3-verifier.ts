// Verifies Alibaba Cloud's V3 signature, ACS3-HMAC-SHA256, by the vendor's description
// (https://help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature), independently of any signer of ours.
import { createHash, createHmac } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { createNonceMemory } from '../crypto/nonce-memory.ts';
import { sameText } from '../crypto/same-text.ts';
import { headerOf, rawBodyOf } from '../http/raw-body.ts';

const windowMs = 15 * 60 * 1000;
const authorizationForm =
  /^ACS3-HMAC-SHA256 Credential=([^,\s]+),\s?SignedHeaders=([^,\s]+),\s?Signature=([0-9a-f]{64})$/;
const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');
/** RFC 3986 percent-encoding as the vendor asks for: encodeURIComponent leaves !'()* alone, the vendor does not. */
const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

export class AliyunRefusal extends Error {
  readonly code: string;
  readonly status: number;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const canonicalQuery = (url: URL) =>
  [...url.searchParams]
    .map(([key, value]) => [encode(key), encode(value)] as const)
    .sort(([a, av], [b, bv]) => (a < b ? -1 : a > b ? 1 : av < bv ? -1 : av > bv ? 1 : 0))
    .map(([key, value]) => `${key}=${value}`)
    .join('&');

const canonicalRequestOf = (request: FastifyRequest, signedHeaders: string[], bodyHash: string) => {
  const url = new URL(request.url, 'http://sandbox');
  const headers = signedHeaders.map((name) => `${name}:${headerOf(request, name).trim()}\n`).join('');
  const path = url.pathname
    .split('/')
    .map((segment) => encode(decodeURIComponent(segment)))
    .join('/');
  return [request.method, path, canonicalQuery(url), headers, signedHeaders.join(';'), bodyHash].join('\n');
};

/** Every x-acs- header and the content type take part once they are present; host, date, nonce and body hash always. */
const mustBeSigned = (request: FastifyRequest) => [
  'host',
  'x-acs-action',
  'x-acs-version',
  'x-acs-date',
  'x-acs-signature-nonce',
  'x-acs-content-sha256',
  ...Object.keys(request.headers).filter((name) => name.startsWith('x-acs-') || name === 'content-type'),
];

/** `secretOf` finds an access key's secret. Throws AliyunRefusal; answers the access key id that signed. */
export const createAcs3Verifier = ({
  secretOf,
  now,
}: {
  secretOf: (accessKeyId: string) => string | undefined;
  now: () => Date;
}) => {
  const nonces = createNonceMemory({ windowMs: 2 * windowMs, limit: 100_000, now });
  return (request: FastifyRequest): string => {
    const form = authorizationForm.exec(headerOf(request, 'authorization'));
    if (!form)
      throw new AliyunRefusal(
        400,
        'IncompleteSignature',
        'The request signature does not conform to Aliyun standards.',
      );
    const [, accessKeyId = '', headerList = '', signature = ''] = form;
    const secret = secretOf(accessKeyId);
    if (!secret) throw new AliyunRefusal(404, 'InvalidAccessKeyId.NotFound', 'Specified access key is not found.');

    const signedHeaders = headerList.split(';');
    const sorted = [...signedHeaders].sort();
    if (
      signedHeaders.some((name, i) => name !== sorted[i] || name !== name.toLowerCase()) ||
      mustBeSigned(request).some((name) => !signedHeaders.includes(name))
    )
      throw new AliyunRefusal(
        400,
        'IncompleteSignature',
        'SignedHeaders must be sorted, in lower case, and name host, content-type and every x-acs- header.',
      );

    const date = headerOf(request, 'x-acs-date');
    const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(date) ? Date.parse(date) : Number.NaN;
    if (Number.isNaN(time))
      throw new AliyunRefusal(
        400,
        'InvalidTimeStamp.Format',
        'Specified time stamp or date value is not well formatted.',
      );
    if (Math.abs(now().getTime() - time) > windowMs)
      throw new AliyunRefusal(400, 'InvalidTimeStamp.Expired', 'Specified time stamp or date value is expired.');

    const bodyHash = sha256(rawBodyOf(request));
    const stated = headerOf(request, 'x-acs-content-sha256');
    const canonical = canonicalRequestOf(request, signedHeaders, bodyHash);
    const expected = createHmac('sha256', secret)
      .update(`ACS3-HMAC-SHA256\n${sha256(canonical)}`)
      .digest('hex');
    if (stated !== bodyHash || !sameText(expected, signature))
      throw new AliyunRefusal(
        400,
        'SignatureDoesNotMatch',
        `Specified signature is not matched with our calculation. server StringToSign is [ACS3-HMAC-SHA256\n${sha256(canonical)}]`,
      );
    const nonce = headerOf(request, 'x-acs-signature-nonce');
    if (!nonce || !nonces.use(`${accessKeyId}:${nonce}`))
      throw new AliyunRefusal(400, 'SignatureNonceUsed', 'Specified signature nonce was used already.');
    return accessKeyId;
  };
};
