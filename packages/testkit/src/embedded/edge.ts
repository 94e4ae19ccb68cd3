// The one public origin of a region on one machine: hands each path to its service, and shows the API reference at /docs.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import replyFrom from '@fastify/reply-from';
import fastifyStatic from '@fastify/static';
import { apiServices, publicPrefixes, serviceOfPath } from '@meridian/contracts/all.ts';
import { methodNotAllowed, notFound, unavailable } from '@meridian/contracts/common.ts';
import type { ServiceName } from '@meridian/contracts/endpoint.ts';
import type { ProblemDefinition } from '@meridian/contracts/problem.ts';
import { corsHeaders } from '@meridian/kit/http/cors.ts';
import { createClientErrorHandler, refusalOf } from '@meridian/kit/http/errors.ts';
import { type ProblemMembers, renderProblem } from '@meridian/kit/http/problems.ts';
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { referencePage } from './reference-page.ts';

const generated = new URL('../../../contracts/generated/', import.meta.url);
const swaggerUi = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));

/** Starts the edge of one region on loopback. `upstreams` are the public origins of the region's services. */
export const startEdge = async (options: {
  region: { id: string; name: string; corsOrigins: readonly string[] };
  origin: string;
  port: number;
  upstreams: Readonly<Record<ServiceName, string>>;
}) => {
  const prefixes = publicPrefixes();
  /** Services say this of their answers; what the edge refuses itself is to be read by a page, too. */
  const readableBy = (origin: string | undefined): Record<string, string> =>
    origin !== undefined && options.region.corsOrigins.includes(origin)
      ? {
          'access-control-allow-origin': origin,
          'access-control-allow-credentials': 'true',
          'access-control-expose-headers': corsHeaders.exposed.join(', '),
        }
      : {};
  const refuse = (
    request: FastifyRequest,
    reply: FastifyReply,
    problem: ProblemDefinition,
    members: ProblemMembers,
  ): void => {
    const { status, headers, body } = renderProblem(problem, members, request.id);
    // On the raw answer: what the router refuses knows no content type of ours.
    reply.hijack();
    reply.raw
      .writeHead(status, {
        ...headers,
        'content-length': Buffer.byteLength(body),
        'x-request-id': request.id,
        vary: 'Origin',
        ...readableBy(request.headers.origin),
      })
      .end(body);
  };
  const edge = Fastify({
    logger: false,
    genReqId: () => randomUUID(),
    frameworkErrors: (error, request, reply) => {
      const { definition, members } = refusalOf(error);
      refuse(request, reply as FastifyReply, definition, members);
    },
    clientErrorHandler: createClientErrorHandler(renderProblem, randomUUID),
    bodyLimit: 8 * 1024 * 1024,
    requestTimeout: 30_000,
    forceCloseConnections: 'idle',
  });
  edge.removeAllContentTypeParsers();
  edge.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  await edge.register(replyFrom, { undici: { connections: 64, headersTimeout: 30_000, bodyTimeout: 60_000 } });
  await edge.register(fastifyStatic, { root: swaggerUi, prefix: '/docs/assets/', index: false, wildcard: true });

  edge.get('/', async (_request, reply) => reply.redirect('/docs'));
  edge.get('/docs', async (_request, reply) =>
    reply.type('text/html; charset=utf-8').send(referencePage(options.region, apiServices)),
  );
  edge.get('/docs/page.js', async (_request, reply) => {
    const urls = apiServices.map((name) => ({ name, url: `/docs/openapi/${name}.json` }));
    return reply
      .type('text/javascript; charset=utf-8')
      .send(
        `window.ui=SwaggerUIBundle({urls:${JSON.stringify(urls)},dom_id:'#reference',presets:[SwaggerUIBundle.presets.apis,SwaggerUIStandalonePreset],layout:'StandaloneLayout',deepLinking:true});\n`,
      );
  });
  for (const name of apiServices) {
    edge.get(`/docs/openapi/${name}.json`, async () => {
      const document = JSON.parse(readFileSync(join(generated.pathname, 'openapi', `${name}.json`), 'utf8')) as Record<
        string,
        unknown
      >;
      return { ...document, servers: [{ url: options.origin, description: options.region.name }] };
    });
  }

  // Methods that no service has, such as PROPFIND.
  edge.setNotFoundHandler((request, reply) =>
    refuse(request, reply, methodNotAllowed, { headers: { allow: corsHeaders.methods.join(', ') } }),
  );
  edge.all('/*', async (request, reply) => {
    const path = request.url.split('?')[0] as string;
    const service = serviceOfPath(path, prefixes);
    if (!service)
      return refuse(request, reply, notFound, {
        detail: `No service of region ${options.region.id} answers this path; see ${options.origin}/docs`,
      });
    return reply.from(options.upstreams[service] + request.url, {
      rewriteRequestHeaders: (_original, headers) => ({
        ...headers,
        // The edge is the first hop: what a client claims about itself is dropped.
        'x-forwarded-for': request.ip,
        'x-forwarded-proto': options.origin.startsWith('https:') ? 'https' : 'http',
        'x-forwarded-host': new URL(options.origin).host,
      }),
      onError: (failed) => {
        refuse(request, failed as FastifyReply, unavailable, {
          detail: `The ${service} service does not answer; retry in a second`,
          retryAfter: 1,
        });
      },
    });
  });

  await edge.listen({ host: '127.0.0.1', port: options.port });
  return { stop: () => edge.close() };
};
