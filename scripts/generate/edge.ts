// nginx's locations from the contracts: which service answers which public path, how large a body may be, and the proxy's own refusals.
import { endpointsOf, publicPrefixes } from '@meridian/contracts/all.ts';
import { bodyTooLarge, notFound, unavailable } from '@meridian/contracts/common.ts';
import { type EndpointDefinition, isInternal } from '@meridian/contracts/endpoint.ts';
import { type ProblemDefinition, problemType } from '@meridian/contracts/problem.ts';
import { corsHeaders } from '@meridian/kit/http/cors.ts';

const head = '# Made from the contracts by npm run generate; not to be changed by hand.\n';
const port = 4443;
/** Endpoints that say nothing take this much, as in kit. */
const defaultBytes = 64 * 1024;

const largestBody = (endpoints: readonly EndpointDefinition[]) =>
  Math.max(defaultBytes, ...endpoints.map((e) => e.maxBodyBytes ?? defaultBytes));

// $request_id is nginx's own: 32 hexadecimal digits.
const problemText = (p: ProblemDefinition, detail: string) =>
  JSON.stringify({
    type: problemType(p.code),
    title: p.title,
    status: p.status,
    code: p.code,
    detail,
    requestId: '$request_id',
  });
const openAiText = (code: string, message: string) =>
  JSON.stringify({ error: { message, type: 'server_error', param: null, code } });

// As the services answer (packages/kit, http/server.ts). nginx leaves out a header without a value: a stranger's page is told nothing.
const cors = [
  'add_header Vary Origin always;',
  'add_header Access-Control-Allow-Origin $cors_origin always;',
  'add_header Access-Control-Allow-Credentials $cors_credentials always;',
  `add_header Access-Control-Expose-Headers "${corsHeaders.exposed.join(', ')}" always;`,
  `add_header Access-Control-Allow-Methods "${corsHeaders.methods.join(', ')}" always;`,
  `add_header Access-Control-Allow-Headers "${corsHeaders.allowed.join(', ')}" always;`,
  'if ($cors_preflight) {\n    return 204;\n  }',
];

const refusal = (name: string, status: number, type: string, body: string, more: readonly string[] = []) =>
  [
    `location @${name} {`,
    `  default_type ${type};`,
    '  add_header X-Request-Id $request_id always;',
    '  add_header Cache-Control no-store always;',
    ...cors.map((line) => `  ${line}`),
    ...more.map((line) => `  ${line}`),
    `  return ${status} '${body.replaceAll("'", "\\'")}';`,
    '}',
  ].join('\n');

const retry = ['add_header Retry-After 1 always;'];

const api = (): string => {
  const locations = publicPrefixes().flatMap(({ prefix, service }) => {
    const own = endpointsOf[service].filter((e) => !isInternal(e) && (e.path.split('/{')[0] as string) === prefix);
    const block = (match: string) =>
      `location ${match} {\n  set $service ${service};\n  client_max_body_size ${largestBody(own)};\n  proxy_pass https://$service:${port};\n}`;
    return [block(`= ${prefix}`), block(`^~ ${prefix}/`)];
  });
  const problem = 'application/problem+json';
  return `${[
    head,
    'error_page 404 = @unknown;',
    'error_page 413 = @too_large;',
    'error_page 500 502 503 504 = @away;',
    ...locations,
    'location / {\n  return 404;\n}',
    refusal('unknown', 404, problem, problemText(notFound, 'No service of this region answers this path')),
    refusal(
      'too_large',
      bodyTooLarge.status,
      problem,
      problemText(bodyTooLarge, 'The body is larger than this endpoint takes'),
    ),
    refusal('away', 503, problem, problemText(unavailable, 'The service does not answer; retry in a second'), retry),
  ].join('\n')}\n`;
};

const model = (): string => {
  const json = 'application/json';
  return `${[
    head,
    'error_page 413 = @too_large;',
    'error_page 500 502 503 504 = @away;',
    `location / {\n  client_max_body_size ${largestBody(endpointsOf.gateway)};\n  proxy_pass https://$service:${port};\n}`,
    refusal('too_large', 413, json, openAiText('request_too_large', 'The request is larger than the gateway takes')),
    refusal('away', 503, json, openAiText('unavailable', 'The gateway does not answer; retry in a second'), retry),
  ].join('\n')}\n`;
};

/** Path below the repository -> text. */
export const edgeFiles = (): ReadonlyMap<string, string> =>
  new Map([
    ['infra/edge/api.generated.conf', api()],
    ['infra/edge/model.generated.conf', model()],
  ]);
