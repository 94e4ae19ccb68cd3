// All cases of one endpoint, and the proof that none of them changed anything.
import { isDeepStrictEqual } from 'node:util';
import { type EndpointDefinition, isInternal } from '@meridian/contracts/endpoint.ts';
import { request } from 'undici';
import { credentialCases, idCases } from './credential-cases.ts';
import { httpCases } from './http-cases.ts';
import { unboundedTexts } from './mutants.ts';
import { runCase } from './run-case.ts';
import { shapeCases } from './shape-cases.ts';
import type { Case, SuiteRunning, Verdict } from './suite-types.ts';
import { fillPath, queryText, type ValidRequest, validRequest } from './valid-request.ts';

/** Requests sent at once. */
const width = 8;

const contractVerdicts = (endpoint: EndpointDefinition, valid: ValidRequest): Verdict[] => {
  const { body } = endpoint;
  // A body of up to 64 KiB bounds its texts well enough to be stored; a larger one must say how long each may be.
  if (body === undefined || body === 'raw' || (endpoint.maxBodyBytes ?? 0) > 64 * 1024) return [];
  return unboundedTexts(body, valid.body).map((pointer) => ({
    group: 'shape',
    what: `body ${pointer}`,
    failure: 'has no declared upper bound',
  }));
};

/** The owner must be able to read what "another account" may not: otherwise its 404 would prove nothing. */
const ownerVerdict = async (
  running: SuiteRunning,
  endpoint: EndpointDefinition,
  valid: ValidRequest,
): Promise<Verdict[]> => {
  if (endpoint.method !== 'GET' || valid.sample.params === undefined || isInternal(endpoint)) return [];
  const query = queryText(valid.query);
  const { statusCode, body } = await request(
    `${running.publicUrl}${fillPath(endpoint, valid.params)}${query === '' ? '' : `?${query}`}`,
    { headers: valid.headers },
  );
  const text = await body.text();
  return [
    {
      group: 'ids',
      what: 'the owner reads it',
      ...(statusCode >= 400 && { failure: `got ${statusCode} ${text.slice(0, 200)}` }),
    },
  ];
};

// Sent again one by one, each between two snapshots, to name the request that wrote.
const findWriter = async (
  running: SuiteRunning,
  cases: readonly Case[],
  send: (one: Case) => Promise<unknown>,
): Promise<string> => {
  for (const one of cases) {
    const before = await running.snapshot();
    await send(one);
    if (!isDeepStrictEqual(await running.snapshot(), before)) return one.what;
  }
  return 'one of them, not reproducibly';
};

/** Sends every case of `endpoint`; answers one verdict per case, and one on the state. `all` are the endpoints of the service. */
export const checkEndpoint = async (
  running: SuiteRunning,
  endpoint: EndpointDefinition,
  all: readonly EndpointDefinition[],
): Promise<Verdict[]> => {
  const valid = await validRequest(endpoint, running.sampleOf?.(endpoint) ?? {}, running.tokens);
  const cases = [
    ...shapeCases(endpoint, valid),
    ...httpCases(endpoint, all, valid),
    ...(await credentialCases(endpoint, valid, running.tokens)),
    ...idCases(endpoint, valid, running.tokens),
  ].filter((one) => one.expected.length > 0);
  let sequence = 0;
  const send = async (one: Case): Promise<Verdict> => {
    const failure = await runCase(running, endpoint, valid, one, ++sequence).catch(
      (error: unknown) => `no answer: ${String(error)}`,
    );
    return { group: one.group, what: one.what, ...(failure !== undefined && { failure }) };
  };
  const before = await running.snapshot();
  const verdicts = [...contractVerdicts(endpoint, valid)];
  for (let i = 0; i < cases.length; i += width)
    verdicts.push(...(await Promise.all(cases.slice(i, i + width).map(send))));
  if (!isDeepStrictEqual(await running.snapshot(), before)) {
    verdicts.push({
      group: 'http',
      what: 'the state is unchanged',
      failure: `a refused request wrote: ${await findWriter(running, cases, send)}`,
    });
  }
  return [...verdicts, ...(await ownerVerdict(running, endpoint, valid))];
};
