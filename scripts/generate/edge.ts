// nginx's locations from the contracts: which service answers which public path, how large a body may be, and the proxy's own refusals.
import { endpointsOf, publicPrefixes } from '@meridian/contracts/all.ts';
import {
  bodyTooLarge,
  headersTooLarge,
  invalidInput,
  methodNotAllowed,
  notFound,
  unavailable,
  uriTooLong,
} from '@meridian/contracts/common.ts';
import { type EndpointDefinition, isInternal } from '@meridian/contracts/endpoint.ts';
import { openAiErrorType } from '@meridian/contracts/openai-error.ts';
import { type ProblemDefinition, problemType } from '@meridian/contracts/problem.ts';
import { corsHeaders } from '@meridian/kit/http/cors.ts';

const head = '# Made from the contracts by npm run generate; not to be changed by hand.\n';
const port = 4443;
/** Endpoints that say nothing take this much, as in kit. */
const defaultBytes = 64 * 1024;

const largestBody = (endpoints: readonly EndpointDefinition[]) =>
  Math.max(defaultBytes, ...endpoints.map((e) => e.maxBodyBytes ?? defaultBytes));

/** A form of refusals: the problems of the API, or OpenAI's errors at the Base URL. $request_id is nginx's own: 32 hexadecimal digits. */
type Form = { readonly type: string; readonly text: (p: ProblemDefinition, detail: string) => string };

const problemForm: Form = {
  type: 'application/problem+json',
  text: (p, detail) =>
    JSON.stringify({
      type: problemType(p.code),
      title: p.title,
      status: p.status,
      code: p.code,
      detail,
      requestId: '$request_id',
    }),
};
const openAiForm: Form = {
  type: 'application/json',
  text: (p, message) =>
    JSON.stringify({
      error: { message, type: openAiErrorType(p.status), code: p.code, param: null, requestId: '$request_id' },
    }),
};

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

type Refusal = {
  /** nginx's own statuses; what a service answers passes. */
  readonly on: string;
  readonly problem: ProblemDefinition;
  readonly detail: string;
  /** The request may have no address that can be read, and nginx leads such a one to a path alone: as GET, so to no answer of a preflight. */
  readonly unread?: boolean;
  readonly more?: readonly string[];
};

const refusals: Readonly<Record<string, Refusal>> = {
  malformed: { on: '400', problem: invalidInput, detail: 'The request is not well-formed HTTP', unread: true },
  unknown: { on: '404', problem: notFound, detail: 'No service of this region answers this path' },
  method: {
    on: '405',
    problem: methodNotAllowed,
    detail: 'No address of this region takes this method',
    more: [`add_header Allow "${corsHeaders.methods.join(', ')}" always;`],
  },
  too_large: { on: '413', problem: bodyTooLarge, detail: 'The body is larger than this endpoint takes' },
  too_long: { on: '414', problem: uriTooLong, detail: 'The address is longer than 16 kB', unread: true },
  headers: { on: '494', problem: headersTooLarge, detail: 'A header is longer than 16 kB, or all are than 64 kB' },
  away: {
    on: '500 502 503 504',
    problem: unavailable,
    detail: 'The service does not answer; retry in a second',
    more: ['add_header Retry-After 1 always;'],
  },
};

const refuse = ({ type, text }: Form): string[] =>
  Object.entries(refusals).flatMap(([name, { on, problem, detail, unread = false, more = [] }]) => {
    const [place, match] = unread ? [`/.refused/${name}`, `= /.refused/${name}`] : [`@${name}`, `@${name}`];
    const lines = [
      ...(unread ? ['internal;'] : []),
      `default_type ${type};`,
      'add_header X-Request-Id $request_id always;',
      'add_header Cache-Control no-store always;',
      ...cors,
      ...more,
      `return ${problem.status} '${text(problem, detail).replaceAll("'", "\\'")}';`,
    ];
    return [`error_page ${on} = ${place};`, `location ${match} {\n${lines.map((line) => `  ${line}\n`).join('')}}`];
  });

const api = (): string => {
  const locations = publicPrefixes().flatMap(({ prefix, service }) => {
    const own = endpointsOf[service].filter((e) => !isInternal(e) && (e.path.split('/{')[0] as string) === prefix);
    const block = (match: string) =>
      `location ${match} {\n  set $service ${service};\n  client_max_body_size ${largestBody(own)};\n  proxy_pass https://$service:${port};\n}`;
    return [block(`= ${prefix}`), block(`^~ ${prefix}/`)];
  });
  return `${[head, ...locations, 'location / {\n  return 404;\n}', ...refuse(problemForm)].join('\n')}\n`;
};

const model = (): string => {
  const all = `location / {\n  client_max_body_size ${largestBody(endpointsOf.gateway)};\n  proxy_pass https://$service:${port};\n}`;
  return `${[head, all, ...refuse(openAiForm)].join('\n')}\n`;
};

/** Path below the repository -> text. */
export const edgeFiles = (): ReadonlyMap<string, string> =>
  new Map([
    ['infra/edge/api.generated.conf', api()],
    ['infra/edge/model.generated.conf', model()],
  ]);
