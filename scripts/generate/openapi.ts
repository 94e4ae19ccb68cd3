// OpenAPI 3.1 of one service, from its declared endpoints alone.
import { problemsOf } from '@meridian/contracts/common.ts';
import type { EndpointDefinition, ServiceName } from '@meridian/contracts/endpoint.ts';
import { openAiError } from '@meridian/contracts/gateway.ts';
import { type ProblemDefinition, problemBody, problemType } from '@meridian/contracts/problem.ts';
import type { z } from 'zod';
import { type JsonObject, jsonSchema } from './json-schema.ts';

const securitySchemes: Readonly<Record<string, JsonObject>> = {
  user: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'Access token of an end user (RFC 9068), from POST /v1/sessions',
  },
  staff: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: "Token of a staff session, from the operator's OpenID provider",
  },
  service: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'Service token: ES256, typ svc+jwt, issuer the calling and audience the called service, at most 60 s',
  },
  certificate: {
    type: 'mutualTLS',
    description: 'Client certificate of the region whose common name is the caller or begins with it and a dot',
  },
  apiKey: { type: 'http', scheme: 'bearer', description: 'API key of the region and product this door serves' },
};

/** Name of the security scheme, or undefined where the caller proves nothing, or the message itself is signed. */
const schemeOf = ({ auth }: EndpointDefinition): string | undefined => {
  if (auth.kind === 'none') return undefined;
  if (auth.kind === 'signature') return auth.scheme === 'API key' ? 'apiKey' : undefined;
  return auth.kind;
};

const authNote = ({ auth }: EndpointDefinition): string | undefined => {
  if (auth.kind === 'staff') return `Staff roles: ${auth.roles.join(', ')}.`;
  if (auth.kind === 'service' || auth.kind === 'certificate') return `Callers: ${auth.callers.join(', ')}.`;
  return auth.kind === 'signature' ? `Proof of the sender: ${auth.scheme}.` : undefined;
};

const parametersOf = (schema: z.ZodObject | undefined, where: 'path' | 'query'): JsonObject[] => {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = jsonSchema(schema, 'input') as {
    properties?: Record<string, JsonObject>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = property;
    return { name, in: where, required: where === 'path' || required.includes(name), description, schema: rest };
  });
};

const idempotencyKey: JsonObject = {
  name: 'Idempotency-Key',
  in: 'header',
  required: true,
  description:
    'A random UUID drawn by the caller: what is kept of the request and its answer is sealed with it. The same key with the same request replays the answer for at least 24 hours.',
  schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[\\x21-\\x7e]+$' },
};

const requestBodyOf = ({ body }: EndpointDefinition): JsonObject | undefined => {
  if (body === undefined) return undefined;
  if (body === 'raw') return { required: true, content: { '*/*': { schema: { type: 'string', format: 'binary' } } } };
  return {
    required: !body.safeParse(undefined).success,
    content: { 'application/json': { schema: jsonSchema(body, 'input') } },
  };
};

const requestIdHeader: JsonObject = { 'X-Request-Id': { $ref: '#/components/headers/X-Request-Id' } };

const successOf = (endpoint: EndpointDefinition, status: string): JsonObject => {
  const schema = endpoint.answers[Number(status)];
  const headers = {
    ...requestIdHeader,
    ...(endpoint.idempotent && { 'Idempotency-Replayed': { $ref: '#/components/headers/Idempotency-Replayed' } }),
  };
  if (schema === null || schema === undefined) return { description: 'Done; no body', headers };
  if (schema === 'stream') return { description: 'Done', headers, content: { '*/*': { schema: {} } } };
  return { description: 'Done', headers, content: { 'application/json': { schema: jsonSchema(schema, 'output') } } };
};

// Status 429 and 503 promise Retry-After.
const refusalOf = (service: ServiceName, problems: readonly ProblemDefinition[]): JsonObject => {
  const retry = problems.some((p) => p.status === 429 || p.status === 503);
  return {
    description: problems.map((p) => `\`${p.code}\`: ${p.title}`).join('\n\n'),
    headers: { ...requestIdHeader, ...(retry && { 'Retry-After': { $ref: '#/components/headers/Retry-After' } }) },
    content: {
      // The gateway refuses in OpenAI's form, with the same codes.
      [service === 'gateway' ? 'application/json' : 'application/problem+json']: {
        schema: { $ref: `#/components/schemas/${service === 'gateway' ? 'OpenAiError' : 'Problem'}` },
        examples: Object.fromEntries(problems.map((p) => [p.code, { $ref: `#/components/examples/${p.code}` }])),
      },
    },
  };
};

/** Groups operations in a reference page: the first word after the version, e.g. "keys" of /v1/keys/{keyId}, "staff" before it where staff call. */
const areaOf = (path: string): string => {
  const words = path.split('/').filter((word) => word !== '' && !word.startsWith('{'));
  const at = words.findIndex((word) => /^v[0-9]+$/.test(word));
  const area = words[at + 1] ?? words[0] ?? 'api';
  return words[0] === 'staff' ? `staff ${area}` : area;
};

const operationOf = (endpoint: EndpointDefinition): JsonObject => {
  const scheme = schemeOf(endpoint);
  const problems = [...Map.groupBy(problemsOf(endpoint), (p) => p.status)].sort(([a], [b]) => a - b);
  const parameters = [
    ...parametersOf(endpoint.params, 'path'),
    ...parametersOf(endpoint.query, 'query'),
    ...(endpoint.idempotent ? [idempotencyKey] : []),
  ];
  return {
    operationId: endpoint.id,
    tags: [areaOf(endpoint.path)],
    summary: endpoint.summary,
    description:
      [endpoint.description, authNote(endpoint)].filter((text) => text !== undefined).join('\n\n') || undefined,
    security: scheme === undefined ? [] : [{ [scheme]: [] }],
    parameters: parameters.length > 0 ? parameters : undefined,
    requestBody: requestBodyOf(endpoint),
    responses: {
      ...Object.fromEntries(Object.keys(endpoint.answers).map((status) => [status, successOf(endpoint, status)])),
      ...Object.fromEntries(problems.map(([status, group]) => [String(status), refusalOf(endpoint.service, group)])),
    },
  };
};

const requestId = '5f0c954e-8e63-4c3a-9d52-0d0f5a1c2b3d';
const exampleOf = (service: ServiceName, { code, status, title }: ProblemDefinition): JsonObject => ({
  summary: title,
  value:
    service === 'gateway'
      ? { error: { message: title, type: code, code, param: null, requestId } }
      : { type: problemType(code), title, status, code, requestId },
});

/** The document of `endpoints`, which all belong to `service`; `audience` says whom it is for ("public", "internal"). */
export const openApi = (
  service: ServiceName,
  audience: 'public' | 'internal',
  endpoints: readonly EndpointDefinition[],
): JsonObject => {
  const paths: Record<string, Record<string, JsonObject>> = {};
  for (const endpoint of endpoints) {
    paths[endpoint.path] = { ...paths[endpoint.path], [endpoint.method.toLowerCase()]: operationOf(endpoint) };
  }
  const problems = [...new Map(endpoints.flatMap(problemsOf).map((p) => [p.code, p])).values()].sort((a, b) =>
    a.code < b.code ? -1 : 1,
  );
  const schemes = [...new Set(endpoints.map(schemeOf))].filter((name) => name !== undefined).sort();
  return {
    openapi: '3.1.0',
    info: {
      title: `Meridian ${service} (${audience})`,
      version: '1',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      securitySchemes: Object.fromEntries(schemes.map((name) => [name, securitySchemes[name]])),
      schemas:
        service === 'gateway'
          ? { OpenAiError: jsonSchema(openAiError, 'output') }
          : {
              Problem: {
                ...jsonSchema(problemBody, 'output'),
                description: 'RFC 9457. Branch on `code`, which is stable.',
              },
            },
      examples: Object.fromEntries(problems.map((p) => [p.code, exampleOf(service, p)])),
      headers: {
        'X-Request-Id': { description: 'Id of this request; name it to support', schema: { type: 'string' } },
        'Retry-After': { description: 'Seconds to wait before trying again', schema: { type: 'integer', minimum: 1 } },
        'Idempotency-Replayed': {
          description: 'Present when this is the answer of an earlier request with the same key',
          schema: { type: 'string', const: 'true' },
        },
      },
    },
  };
};
