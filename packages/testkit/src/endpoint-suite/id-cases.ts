// Ids that do not exist, and ids of another account, in addresses and in bodies.
import { type EndpointDefinition, isInternal } from '@meridian/contracts/endpoint.ts';
import { idMembers, replacedAt, valueAt } from './id-members.ts';
import type { Case, SuiteRunning, Verdict } from './suite-types.ts';
import { fillPath, type ValidRequest } from './valid-request.ts';

const otherUlid = '0000000000ZZZZZZZZZZZZZZZZ';
const unknownLike = (id: string) => id.replace(/[0-9A-Z]{26}$/, otherUlid);

type Place = { readonly part: 'param' | 'body'; readonly pointer: string };

const placesOf = (endpoint: EndpointDefinition): Place[] => {
  const { params, body } = endpoint;
  const inParams = params === undefined ? [] : idMembers(params);
  // Bodies of services and staff name whom they speak of; nobody owns these.
  const inBody = endpoint.auth.kind !== 'user' || body === undefined || body === 'raw' ? [] : idMembers(body);
  return [
    ...inParams.map((pointer): Place => ({ part: 'param', pointer })),
    ...inBody.map((pointer): Place => ({ part: 'body', pointer })),
  ];
};

const nameOf = ({ part, pointer }: Place) => `${part} ${pointer.slice(1)}`;

/** Places that the cases speak of: all but those that the sample explains away. */
const triedPlaces = (endpoint: EndpointDefinition, { sample }: ValidRequest): Place[] =>
  placesOf(endpoint).filter(({ pointer }) => sample.notOwned?.[pointer] === undefined);

const givenId = ({ sample }: ValidRequest, { part, pointer }: Place): unknown =>
  valueAt(part === 'param' ? sample.params : sample.body, pointer);

const declares404 = ({ problems }: EndpointDefinition) => problems.some(({ status }) => status === 404);

/** What keeps the cases from proving anything: an id that nobody gave or that stands nowhere, a refusal that is not declared. */
export const idVerdicts = async (
  running: SuiteRunning,
  endpoint: EndpointDefinition,
  valid: ValidRequest,
): Promise<Verdict[]> => {
  const verdicts: Verdict[] = [];
  const failed = (place: Place, failure: string) => verdicts.push({ group: 'ids', what: nameOf(place), failure });
  for (const place of triedPlaces(endpoint, valid)) {
    const id = givenId(valid, place);
    if (endpoint.auth.kind === 'user') {
      if (typeof id !== 'string') failed(place, 'the sample gives no id that belongs to the user');
      else if (running.holds !== undefined && !(await running.holds(id)))
        failed(place, 'the id of the sample stands nowhere in the state: another account would be refused for that');
      if (running.tokens.otherUser === undefined) failed(place, 'there is no token of another account to try it with');
    }
    const told = place.part === 'param' ? valid.sample.unknownId : valid.sample.bodyIds?.[place.pointer];
    if (told === undefined && !declares404(endpoint))
      failed(place, 'no 404 is declared for an unknown id, and the sample says no other answer');
  }
  return verdicts;
};

export const idCases = (running: SuiteRunning, endpoint: EndpointDefinition, valid: ValidRequest): Case[] => {
  const { sample } = valid;
  const { otherUser } = running.tokens;
  const cases: Case[] = [];
  for (const place of triedPlaces(endpoint, valid)) {
    const { part, pointer } = place;
    const id = part === 'param' ? valid.params[pointer.slice(1)] : valueAt(valid.body, pointer);
    if (typeof id !== 'string') continue;
    const asked =
      part === 'param'
        ? { path: fillPath(endpoint, { ...valid.params, [pointer.slice(1)]: unknownLike(id) }) }
        : { body: JSON.stringify(replacedAt(valid.body, pointer, unknownLike(id))) };
    const expected = (part === 'param' ? sample.unknownId : sample.bodyIds?.[pointer]) ?? [404];
    cases.push({ group: 'ids', what: `${nameOf(place)}: an id that does not exist`, ...asked, expected });
    if (endpoint.auth.kind !== 'user' || isInternal(endpoint) || otherUser === undefined) continue;
    // In a request that is right for the other account but for this one id.
    const theirs =
      part === 'param'
        ? {}
        : { body: JSON.stringify(replacedAt({ ...(valid.body as object), ...sample.otherBody }, pointer, id)) };
    cases.push({
      group: 'ids',
      what: `${nameOf(place)}: another account's id`,
      headers: { ...valid.headers, authorization: `Bearer ${otherUser}` },
      ...theirs,
      expected: (part === 'param' ? sample.otherAccount : sample.bodyIds?.[pointer]) ?? [404],
    });
  }
  return cases;
};
