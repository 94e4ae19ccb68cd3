// Requests whose sender has not proven itself to an endpoint that checks a proof of its own kind: a key, a signature over the bytes.
import type { EndpointDefinition } from '@meridian/contracts/endpoint.ts';
import type { Case, Signature, Verdict } from './suite-types.ts';
import { queryText, type ValidRequest } from './valid-request.ts';

const garble = (text: string) => `${text.slice(0, -6)}${[...text.slice(-6)].reverse().join('')}x`;
const without = (members: Readonly<Record<string, unknown>>, names: readonly string[]) =>
  Object.fromEntries(Object.entries(members).filter(([name]) => !names.includes(name)));

/** What makes the cases worth nothing. */
export const signatureVerdicts = ({ auth }: EndpointDefinition, { sample }: ValidRequest): Verdict[] => {
  if (auth.kind !== 'signature') return [];
  const verdict = (failure: string): Verdict => ({ group: 'credentials', what: 'the proof of a sender', failure });
  if (sample.signature === undefined) return [verdict('the sample shows none: give `signature`')];
  const { headers = [], query = [] } = sample.signature;
  return [
    ...headers.filter((name) => sample.headers?.[name] === undefined),
    ...query.filter((name) => sample.query?.[name] === undefined),
  ].map((name) => verdict(`the sample has no ${name}`));
};

const headerCases = (valid: ValidRequest, names: readonly string[]): Case[] =>
  names.flatMap((name) => {
    const value = valid.headers[name] ?? '';
    const instead = (other: string) => ({ headers: { ...valid.headers, [name]: other } });
    const cases = [
      { what: `no ${name}`, headers: without(valid.headers, [name]) as Record<string, string> },
      { what: `an empty ${name}`, ...instead('') },
      { what: `a garbled ${name}`, ...instead(garble(value)) },
      { what: `a very long ${name}`, ...instead(`${value}${'a'.repeat(6_000)}`) },
      ...(name === 'authorization' ? [{ what: 'another scheme', ...instead('Basic YTpi') }] : []),
    ];
    return cases.map((one): Case => ({ group: 'credentials', expected: [], ...one }));
  });

const queryCases = (valid: ValidRequest, names: readonly string[]): Case[] =>
  names.flatMap((name) => {
    const instead = (other: string) => queryText({ ...valid.query, [name]: other });
    const cases = [
      { what: `no ${name}`, query: queryText(without(valid.query, [name])) },
      { what: `an empty ${name}`, query: instead('') },
      { what: `a garbled ${name}`, query: instead(garble(String(valid.query[name]))) },
    ];
    return cases.map((one): Case => ({ group: 'credentials', expected: [], ...one }));
  });

const bodyCases = (valid: ValidRequest, { overBytes }: Signature): Case[] => {
  const bytes = Buffer.from(String(valid.body));
  const bodies: readonly (readonly [string, Buffer | string])[] = [
    ...(overBytes ? [['one byte more', Buffer.concat([bytes, Buffer.from(' ')])] as const] : []),
    ['no bytes', ''],
    ['half of the bytes', bytes.subarray(0, bytes.length >> 1)],
    ['bytes that are no UTF-8', Buffer.concat([Buffer.from([0xff, 0xfe]), bytes])],
    ['deep nesting', '['.repeat(10_000)],
    ['a prototype', '{"__proto__":{"admin":true}}'],
    ['NUL', '{"id":"\\u0000"}'],
    ['an empty object', '{}'],
  ];
  return bodies.map(([what, body]): Case => ({ group: 'credentials', expected: [], what: `signed: ${what}`, body }));
};

const foreignCases = (valid: ValidRequest, { foreign, refusal: usual }: Signature): Case[] =>
  foreign.map(({ what, headers, query, body, refusal = usual }) => ({
    group: 'credentials',
    expected: [refusal.status],
    code: refusal.code,
    what,
    headers: { ...valid.headers, ...headers },
    query: queryText({ ...valid.query, ...query }),
    ...(body !== undefined && { body }),
  }));

export const signatureCases = (endpoint: EndpointDefinition, valid: ValidRequest): Case[] => {
  const { signature } = valid.sample;
  if (endpoint.auth.kind !== 'signature' || signature === undefined) return [];
  const { headers = [], query = [], refusal } = signature;
  const cases: Case[] = [
    {
      group: 'credentials',
      expected: [],
      what: 'no credential',
      headers: without(valid.headers, headers) as Record<string, string>,
      query: queryText(without(valid.query, query)),
    },
    ...headerCases(valid, headers),
    ...queryCases(valid, query),
    ...(endpoint.body === 'raw' ? bodyCases(valid, signature) : []),
  ];
  return [
    ...cases.map((one) => ({ ...one, expected: [refusal.status], code: refusal.code })),
    ...foreignCases(valid, signature),
  ];
};
