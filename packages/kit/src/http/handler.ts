// The types between an endpoint object and its handler: everything is inferred from the declaration.
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { EndpointDefinition } from '@meridian/contracts/endpoint.ts';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import type { Auth } from './authenticate.ts';
import type { Idempotency } from './idempotency.ts';

type Parsed<T> = T extends z.ZodType ? z.output<T> : T extends 'raw' ? Buffer : undefined;
type Part<E, K extends string> = E extends { readonly [P in K]: infer T } ? Parsed<T> : undefined;

// What is declared as an array may be given as a readonly one: the server only reads it.
type ReadonlyDeep<T> = T extends readonly (infer I)[]
  ? readonly ReadonlyDeep<I>[]
  : T extends object
    ? { readonly [K in keyof T]: ReadonlyDeep<T[K]> }
    : T;

type Headers = { readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>> };

type AnswerOf<Status, T> = T extends z.ZodType
  ? { readonly status: Status; readonly body: ReadonlyDeep<z.input<T>> } & Headers
  : T extends 'stream'
    ? // `undefined` when the handler took over with reply.hijack().
      { readonly status: Status; readonly body: Readable | Buffer | string | undefined } & Headers
    : { readonly status: Status; readonly body?: null } & Headers;

/** One of the declared answers: status and a body that fits its schema, with extra headers where wanted. */
export type Answer<E extends EndpointDefinition> = {
  [S in keyof E['answers'] & number]: AnswerOf<S, E['answers'][S]>;
}[keyof E['answers'] & number];

export type Context<E extends EndpointDefinition> = {
  readonly params: Part<E, 'params'>;
  readonly query: Part<E, 'query'>;
  readonly body: Part<E, 'body'>;
  readonly auth: Auth<E>;
  readonly headers: IncomingHttpHeaders;
  /** The caller's address, seen through the trusted proxies. */
  readonly ip: string;
  readonly userAgent: string;
  readonly requestId: string;
  readonly idempotency: E extends { readonly idempotent: true } ? Idempotency<Answer<E>> : null;
  /** For cookies, redirects and streams; ordinary answers are returned. */
  readonly reply: FastifyReply;
};

export type Handler<E extends EndpointDefinition> = (context: Context<E>) => Promise<Answer<E>>;

/** A handler with its types forgotten, as the pipeline calls it after checking every part against the declaration. */
export type AnyAnswer = { readonly status: number; readonly body?: unknown } & Headers;
