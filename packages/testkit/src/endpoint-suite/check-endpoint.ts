// All cases of one endpoint, and the proof that none of them changed anything.
import { isDeepStrictEqual } from 'node:util';
import { type EndpointDefinition, isInternal } from '@meridian/contracts/endpoint.ts';
import { request } from 'undici';
import { credentialCases } from './credential-cases.ts';
import { foreignIdCases } from './foreign-id-cases.ts';
import { httpCases } from './http-cases.ts';
import { idCases, idVerdicts } from './id-cases.ts';
import { overlong, unboundedNumbers, unboundedTextNumbers, unboundedTexts } from './mutants.ts';
import { runCase } from './run-case.ts';
import { shapeCases } from './shape-cases.ts';
import { signatureVerdicts } from './signature-cases.ts';
import type { Case, SuiteRunning, Verdict } from './suite-types.ts';
import { bodyOf, fillPath, queryText, type ValidRequest, validRequest } from './valid-request.ts';

/** Requests sent at once. */
const width = 8;

const defaultBodyBytes = 64 * 1024;

const unbounded = (endpoint: EndpointDefinition, valid: ValidRequest): string[] => {
  const { params, query, body, maxBodyBytes = defaultBodyBytes } = endpoint;
  const inAddress = [
    ...(params ? unboundedTextNumbers(params, valid.params).map((name) => `param ${name}`) : []),
    ...(query ? unboundedTextNumbers(query, valid.query).map((name) => `query ${name}`) : []),
  ];
  if (body === undefined || body === 'raw') return inAddress;
  // In an ordinary body no text is long; where a large one is declared, a text may fill it, but must say so.
  const longest = maxBodyBytes > defaultBodyBytes ? maxBodyBytes : overlong;
  const inBody = [...unboundedTexts(body, valid.body, longest), ...unboundedNumbers(body, valid.body)];
  return [...inAddress, ...inBody.map((pointer) => `body ${pointer}`)];
};

const contractVerdicts = (endpoint: EndpointDefinition, valid: ValidRequest): Verdict[] =>
  unbounded(endpoint, valid).map((what) => ({ group: 'shape', what, failure: 'has no declared bound' }));

/**
 * The right request at the right sender's hand, after all cases: if it were refused too, their refusals would prove nothing. Only where it is
 * told apart by an id in the address or by a signature; it may change the state.
 */
const rightVerdict = async (
  running: SuiteRunning,
  endpoint: EndpointDefinition,
  valid: ValidRequest,
): Promise<Verdict[]> => {
  const reads = endpoint.method === 'GET' && valid.sample.params !== undefined && !isInternal(endpoint);
  const signed = endpoint.auth.kind === 'signature';
  if (!reads && !signed) return [];
  const query = queryText(valid.query);
  const { statusCode, body } = await request(
    `${running.publicUrl}${fillPath(endpoint, valid.params)}${query === '' ? '' : `?${query}`}`,
    { method: endpoint.method, headers: valid.headers, body: bodyOf(endpoint, valid) },
  );
  const text = await body.text();
  return [
    {
      group: signed ? 'credentials' : 'ids',
      what: signed ? 'the right sender is heard' : 'the owner reads it',
      ...(statusCode >= 400 && { failure: `got ${statusCode} ${text.slice(0, 200)}` }),
    },
  ];
};

// Sent again one by one, each between two snapshots, to name the request that wrote.
const findWriter = async (
  state: () => Promise<unknown>,
  cases: readonly Case[],
  send: (one: Case) => Promise<unknown>,
): Promise<string> => {
  for (const one of cases) {
    const before = await state();
    await send(one);
    if (!isDeepStrictEqual(await state(), before)) return one.what;
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
    ...idCases(running, endpoint, valid),
    ...foreignIdCases(running, endpoint, valid),
  ].filter((one) => one.expected.length > 0);
  const { books = [] } = valid.sample;
  const state = async () =>
    Object.fromEntries(Object.entries(await running.snapshot()).filter(([part]) => !books.includes(part)));
  let sequence = 0;
  const send = async (one: Case): Promise<Verdict> => {
    const failure = await runCase(running, endpoint, valid, one, ++sequence).catch(
      (error: unknown) => `no answer: ${String(error)}`,
    );
    return { group: one.group, what: one.what, ...(failure !== undefined && { failure }) };
  };
  const before = await state();
  const verdicts = [
    ...contractVerdicts(endpoint, valid),
    ...signatureVerdicts(endpoint, valid),
    ...(await idVerdicts(running, endpoint, valid)),
  ];
  for (let i = 0; i < cases.length; i += width)
    verdicts.push(...(await Promise.all(cases.slice(i, i + width).map(send))));
  if (!isDeepStrictEqual(await state(), before)) {
    verdicts.push({
      group: 'http',
      what: 'the state is unchanged',
      failure: `a refused request wrote: ${await findWriter(state, cases, send)}`,
    });
  }
  return [...verdicts, ...(await rightVerdict(running, endpoint, valid))];
};
