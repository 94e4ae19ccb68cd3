// An ACS3-HMAC-SHA256 client written from the vendor's description, on its own.
import { createHash, createHmac, randomUUID } from 'node:crypto';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

export type Acs3Call = {
  endpoint: string;
  action: string;
  version: string;
  accessKeyId: string;
  accessKeySecret: string;
  form?: Record<string, string>;
  query?: Record<string, string>;
  date?: Date;
  nonce?: string;
  /** Sent instead of the signed body. */
  tamperedBody?: string;
  leaveUnsigned?: string;
  extraHeaders?: Record<string, string>;
};

export const callAcs3 = async (call: Acs3Call) => {
  const url = new URL('/', call.endpoint);
  const encode = (text: string) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const query = Object.entries(call.query ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${encode(key)}=${encode(value)}`)
    .join('&');
  const body = call.form ? new URLSearchParams(call.form).toString() : '';
  const headers: Record<string, string> = {
    host: url.host,
    'x-acs-action': call.action,
    'x-acs-version': call.version,
    'x-acs-date': (call.date ?? new Date()).toISOString().replace(/\.\d+Z$/, 'Z'),
    'x-acs-signature-nonce': call.nonce ?? randomUUID(),
    'x-acs-content-sha256': sha256(body),
    ...(call.form && { 'content-type': 'application/x-www-form-urlencoded' }),
    ...call.extraHeaders,
  };
  const names = Object.keys(headers)
    .filter((name) => name !== call.leaveUnsigned)
    .sort();
  const canonical = [
    'POST',
    '/',
    query,
    names.map((name) => `${name}:${headers[name]?.trim()}\n`).join(''),
    names.join(';'),
    sha256(body),
  ].join('\n');
  const signature = createHmac('sha256', call.accessKeySecret)
    .update(`ACS3-HMAC-SHA256\n${sha256(canonical)}`)
    .digest('hex');
  const { host: _host, ...sent } = headers;
  const answer = await fetch(`${url.origin}/${query && `?${query}`}`, {
    method: 'POST',
    headers: {
      ...sent,
      authorization: `ACS3-HMAC-SHA256 Credential=${call.accessKeyId},SignedHeaders=${names.join(';')},Signature=${signature}`,
    },
    ...(call.form && { body: call.tamperedBody ?? body }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
};
