// Requests whose sender has not proven itself to an endpoint that checks a proof of its own kind: a key, a signature over the bytes.
import type { EndpointDefinition } from '@meridian/contracts/endpoint.ts';
import type { Case, Verdict } from './suite-types.ts';
import type { ValidRequest } from './valid-request.ts';

const garble = (text: string) => `${text.slice(0, -6)}${[...text.slice(-6)].reverse().join('')}x`;

/** What makes the cases worth nothing. */
export const signatureVerdicts = ({ auth }: EndpointDefinition, { sample }: ValidRequest): Verdict[] => {
  if (auth.kind !== 'signature') return [];
  const verdict = (failure: string): Verdict => ({ group: 'credentials', what: 'the proof of a sender', failure });
  if (sample.signature === undefined) return [verdict('the sample shows none: give `signature`')];
  const missing = sample.signature.headers.filter((name) => sample.headers?.[name] === undefined);
  return missing.map((name) => verdict(`the sample has no header ${name}`));
};

export const signatureCases = ({ auth, body }: EndpointDefinition, valid: ValidRequest): Case[] => {
  const { signature } = valid.sample;
  if (auth.kind !== 'signature' || signature === undefined) return [];
  const { status, code } = signature.refusal;
  const refused = { group: 'credentials', expected: [status], code } as const;
  const without = (names: readonly string[]) =>
    Object.fromEntries(Object.entries(valid.headers).filter(([name]) => !names.includes(name)));
  const instead = (name: string, value: string) => ({ headers: { ...valid.headers, [name]: value } });
  const cases: Case[] = [{ ...refused, what: 'no credential', headers: without(signature.headers) }];
  for (const name of signature.headers) {
    const value = valid.headers[name] ?? '';
    cases.push(
      { ...refused, what: `no ${name}`, headers: without([name]) },
      { ...refused, what: `an empty ${name}`, ...instead(name, '') },
      { ...refused, what: `a garbled ${name}`, ...instead(name, garble(value)) },
      { ...refused, what: `a very long ${name}`, ...instead(name, `${value}${'a'.repeat(6_000)}`) },
    );
    if (name === 'authorization') cases.push({ ...refused, what: 'another scheme', ...instead(name, 'Basic YTpi') });
  }
  for (const { what, headers, refusal = signature.refusal } of signature.foreign)
    cases.push({
      group: 'credentials',
      expected: [refusal.status],
      code: refusal.code,
      what,
      headers: { ...valid.headers, ...headers },
    });
  if (body !== 'raw') return cases;
  const bytes = Buffer.from(String(valid.body));
  const bodies: readonly (readonly [string, Buffer | string])[] = [
    ['no bytes', ''],
    ['one byte more', Buffer.concat([bytes, Buffer.from(' ')])],
    ['half of the bytes', bytes.subarray(0, bytes.length >> 1)],
    ['bytes that are no UTF-8', Buffer.concat([Buffer.from([0xff, 0xfe]), bytes])],
    ['deep nesting', '['.repeat(20_000)],
    ['a prototype', '{"__proto__":{"admin":true}}'],
    ['NUL', '{"id":"\\u0000"}'],
    ['an empty object', '{}'],
  ];
  return [...cases, ...bodies.map(([what, other]): Case => ({ ...refused, what: `signed: ${what}`, body: other }))];
};
