// Sends one request that must be refused, and judges the refusal.
import { randomUUID } from 'node:crypto';
import { problemsOf } from '@meridian/contracts/common.ts';
import { type EndpointDefinition, isInternal } from '@meridian/contracts/endpoint.ts';
import { problemBody } from '@meridian/contracts/problem.ts';
import { type Dispatcher, request } from 'undici';
import type { Case, SuiteRunning } from './suite-types.ts';
import { bodyOf, fillPath, queryText, type ValidRequest } from './valid-request.ts';

// What must never reach a caller: stack frames, SQL, driver and library names, paths.
const leak =
  /\bat (async )?[\w.<>]+ \(|\.(ts|js|mjs):\d+|node_modules|\bselect\b.+\bfrom\b|\binsert into\b|\bupdate\b.+\bset\b|duplicate key|violates|syntax error at|\bpg_|postgres|kysely|zod|fastify|ECONN/i;

type Received = {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
};

type Refused = {
  readonly code: string;
  readonly requestId: string;
  readonly errors?: readonly { pointer: string }[] | undefined;
};

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    // Judged by the caller: undefined fits no form of refusal.
    return undefined;
  }
};

// The refusal in the answer, or what is wrong with its form.
const readRefusal = (running: SuiteRunning, { status, headers, text }: Received): Refused | string => {
  const shown = `${status} ${text.slice(0, 300)}`;
  if (running.readRefusal !== undefined) return running.readRefusal(parse(text)) ?? `the body is no refusal: ${shown}`;
  if (!/^application\/problem\+json($|;)/.test(String(headers['content-type'])))
    return `the media type is ${String(headers['content-type'])}`;
  const parsed = problemBody.safeParse(parse(text));
  if (!parsed.success) return `the body is no problem: ${shown}`;
  return parsed.data.status === status ? parsed.data : `the body states ${parsed.data.status}, the answer is ${status}`;
};

const judge = (
  running: SuiteRunning,
  endpoint: EndpointDefinition,
  one: Case,
  received: Received,
): string | undefined => {
  const { status, headers, text } = received;
  const shown = `${status} ${text.slice(0, 300)}`;
  if (!one.expected.includes(status)) return `expected ${one.expected.join(' or ')}, got ${shown}`;
  // Where the sample says so, "nothing of the kind" is an answer and no refusal.
  if (status < 400) return undefined;
  const refused = readRefusal(running, received);
  if (typeof refused === 'string') return refused;
  const { code, requestId, errors } = refused;
  if (requestId === '' || headers['x-request-id'] !== requestId)
    return 'the request id of header and body differ or are missing';
  if (one.code !== undefined && code !== one.code) return `expected code ${one.code}, got ${shown}`;
  if (!problemsOf(endpoint).some((p) => p.code === code && p.status === status)) return `${code} is not declared`;
  if (leak.test(text)) return `the answer shows internals: ${shown}`;
  if (one.pointer !== undefined && running.readRefusal === undefined) {
    if (!errors?.length) return `no mistake is named: ${shown}`;
    if (!errors.every((e) => e.pointer.startsWith(one.pointer ?? '')))
      return `a mistake is named outside ${one.pointer}: ${shown}`;
  }
  if (one.allow !== undefined && !String(headers.allow).split(', ').includes(one.allow))
    return `Allow does not name ${one.allow}`;
  return undefined;
};

/** Undefined if the request was refused as it must be; else what was wrong. `sequence` gives each request an address of its own. */
export const runCase = async (
  running: SuiteRunning,
  endpoint: EndpointDefinition,
  valid: ValidRequest,
  one: Case,
  sequence: number,
): Promise<string | undefined> => {
  const base = isInternal(endpoint) ? running.internalUrl : running.publicUrl;
  if (base === undefined) return 'the endpoint is internal, but no internal address was given';
  const query = one.query ?? queryText(valid.query);
  const headers: Record<string, string> = {
    // Behind a trusted proxy each case comes from another address: the flood guard is not what is tested here.
    'x-forwarded-for': `10.${(sequence >> 16) & 255}.${(sequence >> 8) & 255}.${sequence & 255}`,
  };
  for (const [name, value] of Object.entries(one.headers ?? valid.headers))
    if (value !== undefined) headers[name] = value;
  // A key of its own per request: a service that wrongly accepted one must not be covered by "this key was used already".
  if (headers['idempotency-key'] === valid.headers['idempotency-key'] && endpoint.idempotent)
    headers['idempotency-key'] = randomUUID();
  const body = one.body ?? bodyOf(endpoint, valid);
  const method = (one.method ?? endpoint.method) as Dispatcher.HttpMethod;
  const {
    statusCode,
    headers: received,
    body: stream,
  } = await request(`${base}${one.path ?? fillPath(endpoint, valid.params)}${query === '' ? '' : `?${query}`}`, {
    method,
    headers,
    body: method === 'GET' || body === '' ? null : body,
    headersTimeout: 10_000,
    bodyTimeout: 10_000,
  });
  return judge(running, endpoint, one, { status: statusCode, headers: received, text: await stream.text() });
};
