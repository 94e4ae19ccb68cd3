// Requests that are wrong as HTTP: encoding, media type, method, size, headers.
import type { EndpointDefinition } from '@meridian/contracts/endpoint.ts';
import type { Case } from './suite-types.ts';
import type { ValidRequest } from './valid-request.ts';

const malformed = { group: 'http', expected: [400], code: 'malformed_body' } as const;
const mediaType = { group: 'http', expected: [415], code: 'unsupported_media_type' } as const;

const bodyCases = (endpoint: EndpointDefinition, valid: ValidRequest): Case[] => {
  const { body } = endpoint;
  if (body === undefined) return [];
  const limit = endpoint.maxBodyBytes ?? 64 * 1024;
  const large: Case = {
    group: 'http',
    what: 'a body over the limit',
    body: Buffer.alloc(limit + 1, 0x20),
    expected: [413],
    code: 'body_too_large',
  };
  if (body === 'raw') return [large];
  const text = JSON.stringify(valid.body);
  const deep = `${'['.repeat(200)}${']'.repeat(200)}`;
  const as = (type: string | undefined) => ({ ...valid.headers, 'content-type': type });
  const wrongByte = Buffer.from(`{"zz":"MARK",${text.slice(1)}`);
  wrongByte.fill(0xff, wrongByte.indexOf('MARK'), wrongByte.indexOf('MARK') + 4);
  return [
    large,
    { ...malformed, what: 'no JSON', body: '{"zz":' },
    { ...malformed, what: 'text behind the JSON', body: `${text}x` },
    { ...malformed, what: 'deep nesting', body: `{"zz":${deep}}` },
    { ...malformed, what: 'bytes that are no UTF-8', body: wrongByte },
    { ...malformed, what: 'UTF-16', body: Buffer.from(text, 'utf16le') },
    { ...malformed, what: 'a prototype', body: `{"__proto__":{"admin":true},${text.slice(1)}` },
    { ...malformed, what: 'NUL in a text', body: '{"zz":"\\u0000"}' },
    { ...malformed, what: 'half a surrogate pair', body: '{"zz":"\\ud800"}' },
    { ...mediaType, what: 'plain text', headers: as('text/plain'), body: text },
    { ...mediaType, what: 'a form', headers: as('application/x-www-form-urlencoded'), body: 'a=b' },
    { ...mediaType, what: 'no media type', headers: as(undefined), body: text },
    { ...mediaType, what: 'a compressed body', headers: { ...valid.headers, 'content-encoding': 'gzip' }, body: text },
    {
      group: 'http',
      what: 'no body',
      body: '',
      expected: body.safeParse(undefined).success ? [] : [400],
      code: 'invalid_input',
    },
  ];
};

const methodCases = (endpoint: EndpointDefinition, all: readonly EndpointDefinition[], valid: ValidRequest): Case[] => {
  const declared = all.filter((e) => e.path === endpoint.path && e.service === endpoint.service).map((e) => e.method);
  return ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
    .filter((method) => !declared.some((d) => d === method))
    .map((method) => ({
      group: 'http',
      what: `method ${method}`,
      method,
      headers: valid.headers,
      body: '',
      expected: [405],
      code: 'method_not_allowed',
      allow: endpoint.method,
    }));
};

export const httpCases = (
  endpoint: EndpointDefinition,
  all: readonly EndpointDefinition[],
  valid: ValidRequest,
): Case[] => {
  const flood = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`x-flood-${i}`, 'x'.repeat(100)]));
  const key = { group: 'http', expected: [400] } as const;
  return [
    ...bodyCases(endpoint, valid),
    ...methodCases(endpoint, all, valid),
    {
      group: 'http',
      what: 'a flood of headers',
      headers: { ...valid.headers, ...flood },
      expected: [431],
      code: 'headers_too_large',
    },
    { group: 'http', what: 'a very long address', query: 'x'.repeat(9_000), expected: [414], code: 'uri_too_long' },
    ...(endpoint.idempotent
      ? [
          {
            ...key,
            what: 'no Idempotency-Key',
            headers: { ...valid.headers, 'idempotency-key': undefined },
            code: 'idempotency_key_required',
          },
          {
            ...key,
            what: 'a too long Idempotency-Key',
            headers: { ...valid.headers, 'idempotency-key': 'k'.repeat(256) },
            code: 'invalid_input',
          },
          {
            ...key,
            what: 'an Idempotency-Key with blanks',
            headers: { ...valid.headers, 'idempotency-key': 'a b' },
            code: 'invalid_input',
          },
        ]
      : []),
  ];
};
