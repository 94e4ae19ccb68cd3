// What a proxy asks, read from the headers of its subrequest.
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { invalidInput } from '@meridian/contracts/common.ts';
import { authorizeHeaders } from '@meridian/contracts/key-authorize.ts';
import { type KeyProduct, keyProduct } from '@meridian/contracts/key-issuance.ts';
import { fail } from '@meridian/kit/http/problems.ts';

export type Question = {
  /** undefined: the request presents none. */
  readonly key: string | undefined;
  readonly product: KeyProduct;
  readonly model?: string;
  readonly endpoint?: string;
  readonly ip?: string;
  /** Whether the proxy passes any status on to its client. */
  readonly anyStatus: boolean;
};

const maxKeyLength = 200;
const maxTextLength = 100;

const keyOf = (headers: IncomingHttpHeaders): string | undefined => {
  const bearer = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  const named = headers['api-key'];
  const key = bearer ?? (typeof named === 'string' ? named.trim() : undefined);
  return key === undefined || key === '' ? undefined : key.slice(0, maxKeyLength + 1);
};

const mistake = (header: string, detail: string): never =>
  fail(invalidInput, { detail: `${header} ${detail}`, errors: [{ pointer: `/headers/${header}`, detail }] });

const single = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = headers[name];
  if (Array.isArray(value)) return mistake(name, 'must be sent once');
  return value === undefined || value === '' ? undefined : value;
};

const text = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = single(headers, name);
  return value !== undefined && value.length > maxTextLength
    ? mistake(name, `must not be longer than ${maxTextLength} characters`)
    : value;
};

/** Proxies know the path of a call, keys are bound to what is below the Base URL. */
const belowBaseUrl = (path: string | undefined): string | undefined =>
  path?.replace(/[?#].*$/, '').replace(/^\/v1\//, '') || undefined;

/** Refuses with `invalid_input` what the proxy's configuration got wrong; a missing key is for its client to mend. */
export const readQuestion = (headers: IncomingHttpHeaders): Question => {
  const product = keyProduct.safeParse(single(headers, authorizeHeaders.product));
  if (!product.success) return mistake(authorizeHeaders.product, 'must be set by the proxy to payg or plan');
  const model = text(headers, authorizeHeaders.model);
  const endpoint = belowBaseUrl(text(headers, authorizeHeaders.endpoint));
  const ip = single(headers, authorizeHeaders.ip);
  if (ip !== undefined && isIP(ip) === 0) mistake(authorizeHeaders.ip, 'must be an IPv4 or IPv6 address');
  const key = keyOf(headers);
  return {
    key,
    product: product.data,
    ...(model !== undefined && { model }),
    ...(endpoint !== undefined && { endpoint }),
    ...(ip !== undefined && { ip }),
    anyStatus: single(headers, authorizeHeaders.statuses) === 'all',
  };
};
