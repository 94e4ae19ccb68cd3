// Requests whose parts do not have the declared form.
import { pageQuery } from '@meridian/contracts/common.ts';
import type { EndpointDefinition } from '@meridian/contracts/endpoint.ts';
import { z } from 'zod';
import { mutantsOf, overlong } from './mutants.ts';
import type { Case } from './suite-types.ts';
import { fillPath, queryText, type ValidRequest } from './valid-request.ts';

const invalid = { group: 'shape', expected: [400], code: 'invalid_input' } as const;

const bodyCases = (endpoint: EndpointDefinition, valid: ValidRequest): Case[] => {
  const { body, method } = endpoint;
  if (body === 'raw') return [];
  if (body === undefined) {
    const headers = { ...valid.headers, 'content-type': 'application/json' };
    return method === 'GET'
      ? []
      : [{ ...invalid, what: 'a body where none is declared', headers, body: '{"zz_unknown":1}', pointer: '/body' }];
  }
  const limit = endpoint.maxBodyBytes ?? 64 * 1024;
  return mutantsOf(body, valid.body).map(({ what, value }) => {
    const text = JSON.stringify(value);
    const tooLarge = Buffer.byteLength(text) > limit;
    return {
      ...invalid,
      what: `body ${what}`,
      body: text,
      ...(tooLarge ? { expected: [413], code: 'body_too_large' } : { pointer: '/body' }),
    };
  });
};

const paramCases = (endpoint: EndpointDefinition, valid: ValidRequest): Case[] => {
  const { params } = endpoint;
  if (params === undefined) return [];
  return Object.keys(valid.params).flatMap((name) => {
    const tries = [
      'x',
      '-',
      'x'.repeat(190),
      '1 or 1=1',
      "'; drop table account; --",
      '../../etc/passwd',
      '<script>',
      '{}',
    ];
    const refused = tries.filter((value) => !params.safeParse({ ...valid.params, [name]: value }).success);
    const at = (value: string) => fillPath(endpoint, { ...valid.params, [name]: value });
    return [
      ...refused.map(
        (value): Case => ({
          ...invalid,
          what: `param ${name}: ${value.slice(0, 30)}`,
          path: at(value),
          pointer: '/params',
        }),
      ),
      { ...invalid, what: `param ${name}: NUL`, path: at(`${valid.params[name]}\u0000`), pointer: '/params' },
      {
        ...invalid,
        what: `param ${name}: bytes that are no UTF-8`,
        path: at('MARK').replace('MARK', '%ff%fe'),
        expected: [400],
      },
      {
        ...invalid,
        what: `param ${name}: far too long`,
        path: at('x'.repeat(1_000)),
        expected: [414],
        code: 'uri_too_long',
      },
    ];
  });
};

// What a cursor carries is seen by no schema: a time or a number that no table holds must be refused by the list itself.
const places = [
  'no place',
  '1 9999999999999999999',
  '{"at":1,"id":"9999999999999999999"}',
  '{"at":9007199254740991,"id":"1"}',
  '{"entry":1e300}',
  '[]',
  'null',
];
const cursorCases = ({ query }: EndpointDefinition): Case[] =>
  query instanceof z.ZodObject && query.shape.cursor === pageQuery.shape.cursor
    ? places.map((place) => ({
        ...invalid,
        what: `query cursor of ${place}`,
        query: queryText({ cursor: Buffer.from(place).toString('base64url') }),
        pointer: '/query/cursor',
      }))
    : [];

const queryCases = (endpoint: EndpointDefinition, valid: ValidRequest): Case[] => {
  const { query } = endpoint;
  const cases: Case[] = [
    { ...invalid, what: 'query: NUL', query: `${queryText(valid.query)}&zz%00=%00`, pointer: '/query' },
  ];
  const unknown = { ...valid.query, zz_unknown: '1' };
  // A provider's redirect may carry members nobody declared; such a schema is loose on purpose.
  if (query === undefined || !query.safeParse(unknown).success)
    cases.push({ ...invalid, what: 'query: an unknown member', query: queryText(unknown), pointer: '/query' });
  if (query === undefined) return cases;
  for (const name of Object.keys(valid.query)) {
    const tries = [
      '',
      'no such value',
      '-1',
      '1e999',
      'NaN',
      '1.5',
      'x'.repeat(Math.min(overlong, 3_000)),
      "' or 1=1 --",
    ];
    for (const value of tries.filter((candidate) => !query.safeParse({ ...valid.query, [name]: candidate }).success)) {
      cases.push({
        ...invalid,
        what: `query ${name}: ${value.slice(0, 30)}`,
        query: queryText({ ...valid.query, [name]: value }),
        pointer: '/query',
      });
    }
    const twice = [String(valid.query[name]), String(valid.query[name])];
    if (!query.safeParse({ ...valid.query, [name]: twice }).success) {
      const text = `${queryText(valid.query)}&${queryText({ [name]: valid.query[name] })}`;
      cases.push({ ...invalid, what: `query ${name}: twice`, query: text, pointer: '/query' });
    }
  }
  return cases;
};

export const shapeCases = (endpoint: EndpointDefinition, valid: ValidRequest): Case[] => [
  ...bodyCases(endpoint, valid),
  ...paramCases(endpoint, valid),
  ...queryCases(endpoint, valid),
  ...cursorCases(endpoint),
];
