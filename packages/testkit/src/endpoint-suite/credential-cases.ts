// Requests of callers who are nobody, somebody else, or not allowed.
import { type EndpointDefinition, serviceNames, staffRoles } from '@meridian/contracts/endpoint.ts';
import { serviceTokenHeader } from '@meridian/kit/http/authenticate.ts';
import { signatureCases } from './signature-cases.ts';
import type { Case, SuiteTokens } from './suite-types.ts';
import type { ValidRequest } from './valid-request.ts';

const unauthenticated = { group: 'credentials', expected: [401], code: 'unauthenticated' } as const;
const forbidden = { group: 'credentials', expected: [403], code: 'forbidden' } as const;
const foreign = { group: 'credentials', expected: [421], code: 'region_mismatch' } as const;

const garble = (token: string) => `${token.slice(0, -6)}${token.slice(-6).split('').reverse().join('')}x`;

export const credentialCases = async (
  endpoint: EndpointDefinition,
  valid: ValidRequest,
  tokens: SuiteTokens,
): Promise<Case[]> => {
  const { auth } = endpoint;
  if (auth.kind === 'none') return [];
  if (auth.kind === 'signature') return signatureCases(endpoint, valid);
  const certificate = auth.kind === 'certificate';
  const header = certificate ? serviceTokenHeader : 'authorization';
  const as = (value: string | undefined) => ({ headers: { ...valid.headers, [header]: value } });
  const bearer = (token: string) => as(certificate ? token : `Bearer ${token}`);
  const own = valid.headers[header]?.replace('Bearer ', '') ?? '';
  const cases: Case[] = [
    { ...unauthenticated, what: 'no credential', ...as(undefined) },
    { ...unauthenticated, what: 'another scheme', ...as('Basic YTpi') },
    { ...unauthenticated, what: 'an empty token', ...as(certificate ? '' : 'Bearer ') },
    { ...unauthenticated, what: 'a garbled token', ...bearer(garble(own)) },
    { ...unauthenticated, what: 'an unsigned token', ...bearer(`${own.split('.').slice(0, 2).join('.')}.`) },
    { ...unauthenticated, what: 'a very long token', ...bearer('a'.repeat(6_000)) },
  ];
  const wrongKinds = {
    user: tokens.user,
    staff: await tokens.staffWith(staffRoles),
    service: await tokens.service('gateway'),
  };
  for (const [kind, token] of Object.entries(wrongKinds))
    if (kind !== (certificate ? 'service' : auth.kind))
      cases.push({ ...unauthenticated, what: `a ${kind} token`, ...bearer(token) });
  if (auth.kind === 'user') {
    if (tokens.expiredUser !== undefined)
      cases.push({ ...unauthenticated, what: 'an expired token', ...bearer(tokens.expiredUser) });
    if (tokens.foreignRegionUser !== undefined)
      cases.push({ ...foreign, what: "another region's token", ...bearer(tokens.foreignRegionUser) });
  }
  if (auth.kind === 'staff') {
    if (tokens.foreignRegionStaff !== undefined)
      cases.push({ ...foreign, what: "another region's token", ...bearer(tokens.foreignRegionStaff) });
    const others = staffRoles.filter((role) => !auth.roles.includes(role));
    cases.push({ ...forbidden, what: 'staff without a role', ...bearer(await tokens.staffWith([])) });
    if (others.length > 0)
      cases.push({
        ...forbidden,
        what: `staff with ${others.join(', ')} only`,
        ...bearer(await tokens.staffWith(others)),
      });
  }
  if (auth.kind === 'service' || auth.kind === 'certificate') {
    const [caller] = auth.callers;
    if (tokens.foreignRegionService !== undefined && caller !== undefined)
      cases.push({
        ...foreign,
        what: "another region's service",
        ...bearer(await tokens.foreignRegionService(caller)),
      });
    for (const other of serviceNames.filter((name) => !auth.callers.includes(name) && name !== endpoint.service)) {
      cases.push({ ...forbidden, what: `the service ${other}`, ...bearer(await tokens.service(other)) });
    }
  }
  return cases;
};
