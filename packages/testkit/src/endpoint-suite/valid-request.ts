// The valid request that every case of an endpoint differs from in one respect.
import { randomUUID } from 'node:crypto';
import type { EndpointDefinition } from '@meridian/contracts/endpoint.ts';
import { serviceTokenHeader } from '@meridian/kit/http/authenticate.ts';
import { sampleFor } from './sample.ts';
import type { Sample, SuiteTokens } from './suite-types.ts';

export type ValidRequest = {
  readonly sample: Sample;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
};

export const tokenFor = async (endpoint: EndpointDefinition, tokens: SuiteTokens): Promise<string | undefined> => {
  const { auth } = endpoint;
  if (auth.kind === 'user') return tokens.user;
  if (auth.kind === 'staff') return tokens.staffWith(auth.roles.slice(0, 1));
  return (auth.kind === 'service' || auth.kind === 'certificate') && auth.callers[0] !== undefined
    ? tokens.service(auth.callers[0])
    : undefined;
};

/** The header that carries the caller's token: `Authorization` is taken where a certificate is asked for. */
export const credential = ({ auth }: EndpointDefinition, token: string): Record<string, string> =>
  auth.kind === 'certificate' ? { [serviceTokenHeader]: token } : { authorization: `Bearer ${token}` };

export const validRequest = async (
  endpoint: EndpointDefinition,
  sample: Sample,
  tokens: SuiteTokens,
): Promise<ValidRequest> => {
  const part = (schema: EndpointDefinition['params'], given: unknown, name: string) =>
    (schema === undefined ? {} : sampleFor(schema, given, `${endpoint.id} ${name}`)) as Record<string, unknown>;
  const { body } = endpoint;
  const token = await tokenFor(endpoint, tokens);
  return {
    sample,
    params: Object.fromEntries(
      Object.entries(part(endpoint.params, sample.params, 'params')).map(([name, value]) => [name, String(value)]),
    ),
    query: part(endpoint.query, sample.query, 'query'),
    body: body === undefined || body === 'raw' ? sample.body : sampleFor(body, sample.body, `${endpoint.id} body`),
    headers: {
      ...(token !== undefined && credential(endpoint, token)),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(endpoint.idempotent && { 'idempotency-key': randomUUID() }),
      ...sample.headers,
    },
  };
};

export const fillPath = (endpoint: EndpointDefinition, params: Readonly<Record<string, string>>): string =>
  endpoint.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));

/** The bytes of the valid body; null without one. */
export const bodyOf = ({ body }: EndpointDefinition, valid: ValidRequest): string | null => {
  if (body === undefined || valid.body === undefined) return null;
  return body === 'raw' ? String(valid.body) : JSON.stringify(valid.body);
};

export const queryText = (query: Readonly<Record<string, unknown>>): string =>
  new URLSearchParams(Object.entries(query).map(([name, value]): [string, string] => [name, String(value)])).toString();
