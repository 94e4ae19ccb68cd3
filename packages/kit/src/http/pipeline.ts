// What happens to one request of a declared endpoint, after the flood guard and before the answer leaves.

import {
  internalError,
  malformedBody,
  problemsOf,
  unavailable,
  unsupportedMediaType,
} from '@meridian/contracts/common.ts';
import type { EndpointDefinition } from '@meridian/contracts/endpoint.ts';
import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import type { CertificateAuth, ServiceAuth, StaffAuth, UserAuth } from './authenticate.ts';
import { createAuthenticator, type Verifiers } from './authenticate.ts';
import { createCertificateNames } from './certificate-name.ts';
import { refusalOf } from './errors.ts';
import type { AnyAnswer } from './handler.ts';
import { type Claim, canonicalRequest, claimKey, type IdempotencyStore, readKey, userScope } from './idempotency.ts';
import { assertJsonType, parseJsonBody } from './json-body.ts';
import { fail, Refusal } from './problems.ts';
import { assertNoMistakes, checkTexts, type Mistake, parsePart } from './validate.ts';

export type PipelineOptions = Verifiers & {
  readonly now: () => Date;
  readonly production: boolean;
  readonly idempotency?: IdempotencyStore;
};

/** A declared endpoint with its handler, types forgotten (route.ts has checked them). */
export type Route = {
  readonly endpoint: EndpointDefinition;
  readonly handle: (context: Record<string, unknown>) => Promise<AnyAnswer>;
};

type Identity = UserAuth | StaffAuth | ServiceAuth | CertificateAuth | null;

const defaultBodyBytes = 64 * 1024;

/** Body bytes -> value, by the declaration of the route that is being served. */
export const parseBody = (
  endpoint: EndpointDefinition | undefined,
  contentType: string | undefined,
  encoding: string | undefined,
  bytes: Buffer,
): unknown => {
  if (endpoint?.body === 'raw') return bytes;
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    fail(unsupportedMediaType, { detail: 'Compressed bodies are not accepted' });
  if (bytes.length === 0) return undefined;
  assertJsonType(contentType);
  return parseJsonBody(bytes);
};

const readParts = (endpoint: EndpointDefinition, request: FastifyRequest) => {
  const mistakes: Mistake[] = [];
  const rawParams = { ...(request.params as Record<string, unknown>) };
  const rawQuery = { ...(request.query as Record<string, unknown>) };
  checkTexts('params', rawParams, mistakes);
  checkTexts('query', rawQuery, mistakes);
  const params = endpoint.params === undefined ? undefined : parsePart(endpoint.params, 'params', rawParams, mistakes);
  let query: unknown;
  if (endpoint.query !== undefined) query = parsePart(endpoint.query, 'query', rawQuery, mistakes);
  else
    for (const name of Object.keys(rawQuery).slice(0, 50))
      mistakes.push({ pointer: `/query/${name.slice(0, 64)}`, detail: 'unknown member' });
  let body: unknown;
  if (endpoint.body === 'raw') body = request.body ?? Buffer.alloc(0);
  else if (endpoint.body !== undefined) body = parsePart(endpoint.body, 'body', request.body, mistakes);
  // Many clients send `{}` with a POST that needs nothing: accepted. Anything else would be ignored without a word, so it is refused.
  else if (request.body !== undefined && JSON.stringify(request.body) !== '{}')
    mistakes.push({ pointer: '/body', detail: 'this endpoint takes no body' });
  assertNoMistakes(mistakes);
  return { params, query, body, raw: { params: rawParams, query: rawQuery, body: request.body } };
};

const scopeOf = (identity: Identity): string => {
  if (identity === null) throw new Error('an idempotent endpoint must know its caller');
  if ('accountId' in identity) return userScope(identity.accountId);
  return 'staffId' in identity ? `staff:${identity.staffId}` : `service:${identity.caller}`;
};

/** The fastify route of a declared endpoint. */
export const toFastifyRoute = ({ endpoint, handle }: Route, options: PipelineOptions): RouteOptions => {
  const authenticate = createAuthenticator(endpoint, options);
  const certificateNameOf = createCertificateNames();
  const declared = new Set(problemsOf(endpoint).map((problem) => problem.code));
  const store = options.idempotency;
  if (endpoint.idempotent && store === undefined)
    throw new Error(`Endpoint ${endpoint.id} is idempotent, but the server was created without a database for keys`);
  if (endpoint.idempotent && authenticate === undefined)
    throw new Error(
      `Endpoint ${endpoint.id} is idempotent, but its callers prove no identity that keys could belong to`,
    );

  if (endpoint.idempotent && Object.values(endpoint.answers).includes('stream'))
    throw new Error(`Endpoint ${endpoint.id} is idempotent, but a stream cannot be replayed`);

  /** A mistake of ours: 500. Outside production the answer names it, so that a developer sees it at once. */
  const undeclared = (request: FastifyRequest, mistake: string): never => {
    request.log.error(
      { requestId: request.id, endpoint: endpoint.id, mistake },
      'the answer contradicts the declaration',
    );
    return fail(internalError, options.production ? {} : { detail: `${endpoint.id}: ${mistake}` });
  };

  const send = (request: FastifyRequest, reply: FastifyReply, answer: AnyAnswer) => {
    const schema = endpoint.answers[answer.status];
    if (schema === undefined) return undeclared(request, `undeclared status ${answer.status}`);
    for (const [name, value] of Object.entries(answer.headers ?? {}))
      if (value !== undefined) reply.header(name, value);
    if (schema === 'stream') return answer.body === undefined ? reply : reply.code(answer.status).send(answer.body);
    if (schema === null) {
      if (answer.body !== undefined && answer.body !== null)
        return undeclared(request, `status ${answer.status} is declared without a body`);
      return reply.code(answer.status).send();
    }
    const result = schema.safeParse(answer.body);
    if (!result.success) {
      return undeclared(
        request,
        `the body of ${answer.status} does not fit: ${result.error.issues.map((i) => `/${i.path.join('/')} ${i.message}`).join('; ')}`,
      );
    }
    return reply.code(answer.status).type('application/json; charset=utf-8').send(JSON.stringify(result.data));
  };

  const claim = async (
    request: FastifyRequest,
    identity: Identity,
    raw: { params: unknown; query: unknown; body: unknown },
  ): Promise<Claim<AnyAnswer> | undefined> => {
    if (!endpoint.idempotent || store === undefined) return undefined;
    const key = readKey(request.headers['idempotency-key']);
    const content = canonicalRequest(endpoint.id, raw.params, raw.query, raw.body);
    return claimKey<AnyAnswer>(store, options.now, { scope: scopeOf(identity), key, content });
  };

  const run = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const { params, query, body, raw } = readParts(endpoint, request);
    const identity = request.getDecorator<Identity>('identity');
    const claimed = await claim(request, identity, raw);
    if (claimed?.replay !== undefined) {
      reply.header('idempotency-replayed', 'true');
      return send(request, reply, claimed.replay);
    }
    const context = {
      params,
      query,
      body,
      auth: identity,
      headers: request.headers,
      ip: request.ip,
      userAgent: (request.headers['user-agent'] ?? '').slice(0, 256),
      requestId: request.id,
      idempotency: claimed?.idempotency ?? null,
      reply,
    };
    let answer: AnyAnswer;
    try {
      answer = await handle(context);
      await claimed?.finish(answer);
    } catch (error) {
      // The lease ends by itself if this fails too; the first error is the one worth telling.
      await claimed
        ?.release()
        .catch((late: unknown) =>
          request.log.warn({ requestId: request.id, err: late }, 'the idempotency key could not be freed'),
        );
      throw error;
    }
    return send(request, reply, answer);
  };

  const config = {
    endpoint,
    ...(endpoint.limit && { rateLimit: { max: endpoint.limit.max, timeWindow: endpoint.limit.windowSeconds * 1_000 } }),
  };
  return {
    method: endpoint.method,
    url: endpoint.path.replaceAll(':', '::').replaceAll(/\{(\w+)\}/g, ':$1'),
    bodyLimit: endpoint.maxBodyBytes ?? defaultBodyBytes,
    config,
    // After the flood guard (onRequest), before the body is read: who may not call is not listened to.
    preParsing: async (request) => {
      if (authenticate !== undefined)
        request.setDecorator('identity', await authenticate(request.headers, certificateNameOf(request.raw.socket)));
    },
    handler: run,
    errorHandler: (error, request) => {
      const refusal = refusalOf(error, request.raw);
      if (refusal.definition === internalError && !(error instanceof Refusal)) {
        request.log.error({ requestId: request.id, err: error, endpoint: endpoint.id }, 'unexpected error');
        throw refusal;
      }
      if (refusal.definition === unavailable && !(error instanceof Refusal))
        request.log.warn({ requestId: request.id, err: error, endpoint: endpoint.id }, 'what this needs is not there');
      if (!declared.has(refusal.code) && refusal.code !== malformedBody.code)
        undeclared(request, `undeclared problem ${refusal.code}`);
      throw refusal;
    },
  };
};
