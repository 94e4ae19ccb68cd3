// A typed HTTP client for any endpoint object: what the server declares is what the caller gets.
import type { EndpointDefinition } from '@meridian/contracts/endpoint.ts';
import type { z } from 'zod';
import { ProblemError, TransportError } from './errors.ts';
import { exchange, type Transport } from './transport.ts';

type Given<T> = T extends z.ZodType ? z.input<T> : T extends 'raw' ? Uint8Array | string : never;
type PartOf<E, K extends string, Name extends string> = E extends { readonly [P in K]: infer T }
  ? // A part whose every member is optional may be left out.
    Record<never, never> extends Given<T>
    ? { readonly [P in Name]?: Given<T> }
    : { readonly [P in Name]: Given<T> }
  : { readonly [P in Name]?: undefined };
type KeyOf<E> = E extends { readonly idempotent: true }
  ? { readonly idempotencyKey: string }
  : { readonly idempotencyKey?: string };

export type CallOptions<E extends EndpointDefinition> = Transport &
  PartOf<E, 'params', 'params'> &
  PartOf<E, 'query', 'query'> &
  PartOf<E, 'body', 'body'> &
  KeyOf<E>;

type AnswerOf<Status, T> = {
  readonly status: Status;
  readonly body: T extends z.ZodType ? z.output<T> : T extends 'stream' ? Uint8Array : null;
  readonly headers: Readonly<Record<string, string>>;
};
/** The declared success answers, as a union told apart by `status`. */
export type CallAnswer<E extends EndpointDefinition> = {
  [S in keyof E['answers'] & number]: AnswerOf<S, E['answers'][S]>;
}[keyof E['answers'] & number];

type Parts = {
  params?: Record<string, unknown>;
  query?: Record<string, unknown>;
  body?: unknown;
  idempotencyKey?: string;
};

/** Fills the template; a value can never add a path segment. */
export const addressOf = (
  endpoint: EndpointDefinition,
  baseUrl: string,
  params: Record<string, unknown> = {},
  query: Record<string, unknown> = {},
): string => {
  const path = endpoint.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = params[name];
    if (value === undefined) throw new TypeError(`${endpoint.id}: parameter ${name} is missing`);
    const text = encodeURIComponent(String(value));
    // "." and ".." would be resolved away by URL; encoding them does not help.
    return /^\.{1,2}$/.test(text) ? text.replaceAll('.', '%252E') : text;
  });
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) search.append(name, String(one));
  }
  return `${baseUrl.replace(/\/+$/, '')}${path}${search.size > 0 ? `?${search}` : ''}`;
};

/**
 * Calls a declared endpoint. Resolves with a declared success answer, validated; throws ProblemError for a problem answer,
 * TransportError with code `unreachable`, `timeout` or `bad_answer` otherwise. Never retries.
 */
export const call = async <E extends EndpointDefinition>(
  endpoint: E,
  options: CallOptions<E>,
): Promise<CallAnswer<E>> => {
  const { params, query, body, idempotencyKey } = options as Parts;
  const answer = await exchange(options, {
    method: endpoint.method,
    url: addressOf(endpoint, options.baseUrl, params, query),
    body:
      body === undefined || endpoint.body === undefined
        ? undefined
        : endpoint.body === 'raw'
          ? (body as Uint8Array | string)
          : JSON.stringify(body),
    headers: {
      accept: 'application/json, application/problem+json',
      ...(body !== undefined &&
        endpoint.body !== undefined && {
          'content-type': endpoint.body === 'raw' ? 'application/octet-stream' : 'application/json',
        }),
      ...(options.token !== undefined && { authorization: `Bearer ${options.token}` }),
      ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
    },
  });
  if (answer.status >= 400) throw ProblemError.of(endpoint.id, answer);
  const schema = endpoint.answers[answer.status];
  if (schema === undefined)
    throw new TransportError('bad_answer', `${endpoint.id} answered with undeclared status ${answer.status}`);
  const { status, headers } = answer;
  if (schema === null) return { status, headers, body: null } as CallAnswer<E>;
  if (schema === 'stream') return { status, headers, body: answer.bytes } as CallAnswer<E>;
  const parsed = schema.safeParse(answer.json());
  if (!parsed.success)
    throw new TransportError(
      'bad_answer',
      `${endpoint.id} answered ${status} with a body that does not fit: ${parsed.error.issues.map((i) => i.path.join('.')).join(', ')}`,
    );
  return { status, headers, body: parsed.data } as CallAnswer<E>;
};
