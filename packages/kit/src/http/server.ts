// The one place that builds a fastify application.

import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import cookie from '@fastify/cookie';
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import underPressure from '@fastify/under-pressure';
import {
  internalError,
  methodNotAllowed,
  notFound,
  rateLimited,
  unavailable,
  uriTooLong,
} from '@meridian/contracts/common.ts';
import type { EndpointDefinition, ServiceName } from '@meridian/contracts/endpoint.ts';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Logger } from 'pino';
import type { Histogram, Registry } from 'prom-client';
import { createCloser } from './close-server.ts';
import { corsHeaders } from './cors.ts';
import { createClientErrorHandler, refusalOf } from './errors.ts';
import { createHealth, type Health, healthRoutes } from './health.ts';
import { type PipelineOptions, parseBody, type Route, toFastifyRoute } from './pipeline.ts';
import { fail, type ProblemRenderer, Refusal, renderProblem } from './problems.ts';

export type ServerOptions = PipelineOptions & {
  readonly service: ServiceName;
  readonly region: string;
  readonly log: Logger;
  readonly metrics?: { readonly registry: Registry; readonly httpDuration?: Histogram<'method' | 'route' | 'status'> };
  /** Addresses or CIDR blocks whose X-Forwarded-For is believed; empty: none. */
  readonly trustedProxies: readonly string[];
  /** Browser origins that may call with credentials; empty: none. */
  readonly corsOrigins: readonly string[];
  readonly listener: 'public' | 'internal';
  readonly render?: ProblemRenderer;
  /** PEM. With `ca`, clients must show a certificate signed by it (mutual TLS). */
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca?: string };
  /** Time for a request to arrive completely; default 30 s. */
  readonly requestTimeoutMs?: number;
  /** Makes the ids of requests; default: random UUIDs. Never taken from the client. */
  readonly newRequestId?: () => string;
  /** Mean event-loop delay above which requests are refused with 503; default 1,000 ms, 0: never. */
  readonly maxEventLoopDelayMs?: number;
};

export type Address = { readonly host: string; readonly port: number; readonly url: string };

export type HttpServer = Pick<Health, 'addCheck' | 'drain'> & {
  readonly listener: 'public' | 'internal';
  /** Used by route(); throws when the endpoint was added before, or after listen. */
  readonly add: (route: Route) => void;
  readonly endpoints: () => readonly EndpointDefinition[];
  readonly listen: (at: { host: string; port: number }) => Promise<Address>;
  /** Stops accepting, lets running requests finish, closes idle connections; after `withinMs` the others too. */
  readonly close: (withinMs?: number) => Promise<void>;
};

const maxUrlLength = 8 * 1024;
const allMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];

class UnderPressure extends Refusal {
  constructor() {
    super(unavailable, { detail: 'Overloaded', retryAfter: 2 });
  }
}

const createApp = (options: ServerOptions, render: ProblemRenderer): FastifyInstance => {
  const { tls } = options;
  const requestTimeout = options.requestTimeoutMs ?? 30_000;
  const nextId = options.newRequestId ?? randomUUID;
  const settings = {
    loggerInstance: options.log as FastifyBaseLogger,
    // Our own hook logs a request by its endpoint.
    logController: new LogController({ disableRequestLogging: true }),
    // Ours alone: an id chosen by a client could collide with, or point at, another request's.
    requestIdHeader: false as const,
    genReqId: () => nextId(),
    // No child logger per request: binding the id costs more than most requests log. What logs names the request itself.
    childLoggerFactory: (logger: FastifyBaseLogger) => logger,
    trustProxy: options.trustedProxies.length > 0 ? [...options.trustedProxies] : false,
    exposeHeadRoutes: false,
    requestTimeout,
    connectionTimeout: requestTimeout * 2,
    // Longer than the usual idle time of a load balancer (60 s), so that we are never the first to close.
    keepAliveTimeout: 72_000,
    forceCloseConnections: 'idle' as const,
    // While closing, a request on an open connection is still served (with Connection: close): what it needs is stopped after HTTP.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 200, caseSensitive: true },
    frameworkErrors: (error: Error, _request: unknown, reply: { raw: import('node:http').ServerResponse }) => {
      const requestId = nextId();
      const { definition, members } = refusalOf(error);
      const { status, headers, body } = render(definition, members, requestId);
      reply.raw.writeHead(status, STATUS_CODES[status], { ...headers, 'x-request-id': requestId }).end(body);
    },
    clientErrorHandler: createClientErrorHandler(render, () => nextId()),
  };
  const timing = { connectionsCheckingInterval: Math.min(5_000, requestTimeout / 4), headersTimeout: requestTimeout };
  if (tls === undefined) return Fastify({ ...settings, http: timing }) as unknown as FastifyInstance;
  return Fastify({
    ...settings,
    https: {
      ...timing,
      ...tls,
      requestCert: tls.ca !== undefined,
      rejectUnauthorized: tls.ca !== undefined,
      minVersion: 'TLSv1.2',
    },
  }) as unknown as FastifyInstance;
};

const addHooks = (app: FastifyInstance, options: ServerOptions, render: ProblemRenderer): void => {
  app.decorateRequest('identity', null);
  // Both with a callback: they run for every request and have nothing to wait for.
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    done((request.raw.url?.length ?? 0) > maxUrlLength ? new Refusal(uriTooLong) : undefined);
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { endpoint } = request.routeOptions.config as { endpoint?: EndpointDefinition };
    const status = reply.statusCode;
    // By template, never by URL: addresses and queries may hold codes and ids.
    const labels = { method: endpoint?.method ?? 'none', route: endpoint?.path ?? 'none', status: String(status) };
    options.metrics?.httpDuration?.observe(labels, reply.elapsedTime / 1_000);
    request.log.debug(
      { requestId: request.id, endpoint: endpoint?.id, status, ms: Math.round(reply.elapsedTime) },
      'request',
    );
    done();
  });
  app.setErrorHandler((error, request, reply) => {
    const { definition, members } = refusalOf(error, request.raw);
    if (definition === internalError && !(error instanceof Refusal))
      request.log.error({ err: error, requestId: request.id }, 'unexpected error');
    const { status, headers, body } = render(definition, members, request.id);
    // As bytes: fastify would add a charset to a string, which this media type does not know.
    return reply.code(status).headers(headers).send(Buffer.from(body));
  });
  app.setNotFoundHandler(() => fail(notFound, { detail: 'No such address' }));
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, bytes, done) => {
    try {
      const { endpoint } = request.routeOptions.config as { endpoint?: EndpointDefinition };
      done(
        null,
        parseBody(endpoint, request.headers['content-type'], request.headers['content-encoding'], bytes as Buffer),
      );
    } catch (error) {
      done(error as Error);
    }
  });
};

const addPlugins = (app: FastifyInstance, options: ServerOptions): void => {
  app.register(underPressure, { maxEventLoopDelay: options.maxEventLoopDelayMs ?? 1_000, customError: UnderPressure });
  app.register(rateLimit, {
    global: false,
    // A guard in this process's memory; the limits of codes and money are counted in the database. It tells nobody its figures: callers would
    // take them for the limits of their key.
    addHeaders: { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false },
    addHeadersOnExceeding: { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false },
    errorResponseBuilder: (_, { ttl }) => new Refusal(rateLimited, { retryAfter: ttl / 1_000 }),
  });
  if (options.listener === 'internal') return;
  app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
    },
  });
  app.register(cookie);
  app.register(cors, {
    origin: [...options.corsOrigins],
    credentials: true,
    strictPreflight: false,
    methods: corsHeaders.methods,
    allowedHeaders: corsHeaders.allowed,
    exposedHeaders: corsHeaders.exposed,
    maxAge: 600,
  });
};

// One more route per path takes the methods it does not have, so that they are 405 with Allow rather than 404.
const refuseOtherMethods = (app: FastifyInstance, routes: readonly { url: string; method: string }[]): void => {
  for (const [url, group] of Map.groupBy(routes, (r) => r.url)) {
    const allow = group.map((r) => r.method);
    app.route({
      method: allMethods.filter((method) => !allow.includes(method)),
      url,
      // Ahead of reading a body.
      preParsing: async () => fail(methodNotAllowed, { headers: { allow: allow.join(', ') } }),
      handler: () => fail(methodNotAllowed),
    });
  }
};

/** A server for one listener of a service. Nothing is open before `listen`. */
export const createServer = (options: ServerOptions): HttpServer => {
  const render = options.render ?? renderProblem;
  const health = createHealth();
  const app = createApp(options, render);
  const routes = new Map<string, Route>();
  addHooks(app, options, render);
  const close = createCloser(app);
  app.register(async (child) =>
    healthRoutes(child, health, options.listener === 'internal' ? options.metrics?.registry : undefined),
  );
  addPlugins(app, options);
  app.register(async (child) => {
    const added = [...routes.values()].map((r) => toFastifyRoute(r, options));
    for (const r of added) child.route(r);
    refuseOtherMethods(
      child,
      added.map((r) => ({ url: r.url, method: String(r.method) })),
    );
  });
  return {
    listener: options.listener,
    addCheck: health.addCheck,
    drain: health.drain,
    add: (route) => {
      const { method, path, id } = route.endpoint;
      const address = `${method} ${path}`;
      if (routes.has(address)) throw new Error(`Endpoint ${id}: ${address} is bound already`);
      // Once now for its own mistakes: a server that cannot serve an endpoint must not start.
      toFastifyRoute(route, options);
      routes.set(address, route);
    },
    endpoints: () => [...routes.values()].map((r) => r.endpoint),
    listen: async ({ host, port }) => {
      await app.listen({ host, port });
      const bound = app.server.address();
      if (bound === null || typeof bound === 'string') throw new Error('the server has no address');
      const shown = host.includes(':') ? `[${host}]` : host;
      return { host, port: bound.port, url: `${options.tls ? 'https' : 'http'}://${shown}:${bound.port}` };
    },
    close,
  };
};
