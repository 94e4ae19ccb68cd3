// Aliyun OpenAPI request signature, version 3 (ACS3-HMAC-SHA256).
// Source: https://help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature
import { createHash, createHmac } from 'node:crypto';
import { equalInConstantTime } from '../auth/constant-time.ts';

export type Acs3Request = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly host: string;
  /** `/` for RPC-style APIs. Already percent-encoded, as sent. */
  readonly path: string;
  /** Unencoded values; the query to send is exactly `canonicalQuery(query)`. */
  readonly query?: Readonly<Record<string, string>>;
  /** Further headers: content-type and every x-acs-* header are signed. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly action: string;
  readonly version: string;
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  readonly now: () => Date;
  /** Unique per request: Aliyun refuses a nonce seen within 15 minutes. */
  readonly nonce: string;
};

const algorithm = 'ACS3-HMAC-SHA256';
const hex = (value: string | Uint8Array) => createHash('sha256').update(value).digest('hex');
// RFC 3986: what encodeURIComponent leaves besides the unreserved characters is encoded too.
const encode = (text: string) =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
const byName = ([a]: readonly [string, string], [b]: readonly [string, string]) => (a < b ? -1 : a > b ? 1 : 0);

/** The query string as it is signed and must be sent: encoded, sorted by name, `name=` for an empty value. */
export const canonicalQuery = (query: Readonly<Record<string, string>>): string =>
  Object.entries(query)
    .sort(byName)
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .join('&');

const isSigned = (name: string) => name === 'host' || name === 'content-type' || name.startsWith('x-acs-');

type Canonical = {
  method: string;
  path: string;
  query: string;
  headers: Readonly<Record<string, string>>;
  signed: readonly string[];
  bodyHash: string;
};

const signatureOf = (request: Canonical, secret: string): string => {
  const lines = request.signed.map((name) => `${name}:${(request.headers[name] ?? '').trim()}\n`).join('');
  const canonical = [
    request.method,
    request.path,
    request.query,
    lines,
    request.signed.join(';'),
    request.bodyHash,
  ].join('\n');
  return createHmac('sha256', secret)
    .update(`${algorithm}\n${hex(canonical)}`)
    .digest('hex');
};

/** All headers of the signed request, names in lower case: `authorization`, `host`, `x-acs-*` and the given ones. */
export const signAcs3 = (request: Acs3Request): Record<string, string> => {
  const given = Object.fromEntries(
    Object.entries(request.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const bodyHash = hex(request.body ?? '');
  const headers: Record<string, string> = {
    ...given,
    host: request.host,
    'x-acs-action': request.action,
    'x-acs-content-sha256': bodyHash,
    'x-acs-date': `${request.now().toISOString().slice(0, 19)}Z`,
    'x-acs-signature-nonce': request.nonce,
    'x-acs-version': request.version,
  };
  const signed = Object.keys(headers).filter(isSigned).sort();
  const canonical = {
    method: request.method,
    path: request.path,
    query: canonicalQuery(request.query ?? {}),
    headers,
    signed,
    bodyHash,
  };
  headers.authorization = `${algorithm} Credential=${request.accessKeyId},SignedHeaders=${signed.join(';')},Signature=${signatureOf(canonical, request.accessKeySecret)}`;
  return headers;
};

export type Acs3Verdict =
  | { readonly valid: true }
  | { readonly valid: false; readonly reason: 'unsigned' | 'credential' | 'headers' | 'body' | 'date' | 'signature' };

/**
 * Checks a received request as Aliyun would: for stand-ins of its APIs. `query` are decoded values, `headers` have lower-case names.
 * The date may be 15 minutes off; remembering nonces is the caller's.
 */
export const verifyAcs3 = (request: {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string | Uint8Array;
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  readonly now: () => Date;
}): Acs3Verdict => {
  const refuse = (reason: Exclude<Acs3Verdict, { valid: true }>['reason']): Acs3Verdict => ({ valid: false, reason });
  const match =
    /^ACS3-HMAC-SHA256 +Credential=([^,\s]+), *SignedHeaders=([a-z0-9;-]+), *Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? '',
    );
  if (match === null) return refuse('unsigned');
  const [, credential = '', signedNames = '', signature = ''] = match;
  if (!equalInConstantTime(credential, request.accessKeyId)) return refuse('credential');
  const headers = Object.fromEntries(
    Object.entries(request.headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  const signed = signedNames.split(';');
  // Every header that counts must be signed, and in order: otherwise a header could be added to a signed request.
  const expected = Object.keys(headers).filter(isSigned).sort();
  if (
    expected.some((name) => name !== 'content-type' && !signed.includes(name)) ||
    signed.some((name) => headers[name] === undefined)
  )
    return refuse('headers');
  const bodyHash = hex(request.body);
  if (headers['x-acs-content-sha256'] !== bodyHash) return refuse('body');
  const sent = Date.parse(headers['x-acs-date'] ?? '');
  if (!(Math.abs(sent - request.now().getTime()) <= 15 * 60_000)) return refuse('date');
  const canonical = {
    method: request.method,
    path: request.path,
    query: canonicalQuery(request.query),
    headers,
    signed,
    bodyHash,
  };
  return equalInConstantTime(signature, signatureOf(canonical, request.accessKeySecret))
    ? { valid: true }
    : refuse('signature');
};
