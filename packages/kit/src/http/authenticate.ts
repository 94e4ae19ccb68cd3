// Who is calling: the bearer token or the client certificate of the request, checked by the verifier of the endpoint's auth kind.
import type { IncomingHttpHeaders } from 'node:http';
import { forbidden, unauthenticated } from '@meridian/contracts/common.ts';
import type { EndpointDefinition, ServiceName, StaffRole } from '@meridian/contracts/endpoint.ts';
import { fail } from './problems.ts';

export type UserAuth = { readonly accountId: string; readonly sessionId: string };
export type StaffAuth = { readonly staffId: string; readonly roles: readonly StaffRole[] };
export type ServiceAuth = { readonly caller: ServiceName };
/** `certificate`: the common name that was shown; undefined where a service token stood for it. */
export type CertificateAuth = ServiceAuth & { readonly certificate: string | undefined };

export type Verifiers = {
  readonly verifyUser?: (token: string) => Promise<UserAuth>;
  /** Asks identity whether the token still stands; needed by endpoints that are declared `introspect`. Throws the refusal. */
  readonly introspectUser?: (token: string) => Promise<void>;
  readonly verifyStaff?: (token: string) => Promise<StaffAuth>;
  readonly verifyService?: (token: string) => Promise<ServiceAuth>;
};

/** What a handler learns of its caller, by the endpoint's auth kind. */
export type Auth<E extends EndpointDefinition> = E['auth']['kind'] extends 'user'
  ? UserAuth
  : E['auth']['kind'] extends 'staff'
    ? StaffAuth
    : E['auth']['kind'] extends 'service'
      ? ServiceAuth
      : E['auth']['kind'] extends 'certificate'
        ? CertificateAuth
        : null;

/** Longest token looked at. Ours are below 1 KiB; anything longer is refused before it is parsed. */
const maxTokenLength = 4096;

const bearerOf = (authorization: string | undefined): string => {
  if (authorization === undefined) return fail(unauthenticated, { detail: 'The Authorization header is missing' });
  const match = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization.length > maxTokenLength ? '' : authorization);
  return match?.[1] ?? fail(unauthenticated, { detail: 'The Authorization header must be "Bearer <token>"' });
};

/** Where a service token stands for a certificate: `Authorization` carries what is asked about. */
export const serviceTokenHeader = 'x-meridian-service-token';

const plainToken = (value: string | string[] | undefined): string => {
  if (typeof value === 'string' && value.length <= maxTokenLength && /^[A-Za-z0-9._~+/-]+=*$/.test(value)) return value;
  return fail(unauthenticated, {
    detail: `Show a client certificate; on a listener without mutual TLS, send a service token in ${serviceTokenHeader}`,
  });
};

/** One machine of several that are a service together has a certificate of its own: "gateway.edge-1". */
const namesCaller = (certificate: string, caller: ServiceName): boolean =>
  certificate === caller || certificate.startsWith(`${caller}.`);

type Identity = UserAuth | StaffAuth | ServiceAuth | CertificateAuth | null;

/** The check of one endpoint, or undefined where nobody need prove who they are. Throws at once if its verifier is not configured. */
export const createAuthenticator = (
  endpoint: EndpointDefinition,
  verifiers: Verifiers,
): ((headers: IncomingHttpHeaders, certificateName: string | undefined) => Promise<Identity>) | undefined => {
  const { auth, id } = endpoint;
  const missing = (name: string): never => {
    throw new Error(`Endpoint ${id} needs ${name}, but the server was created without it`);
  };
  if (auth.kind === 'user') {
    const verify = verifiers.verifyUser ?? missing('verifyUser');
    if (!auth.introspect) return async ({ authorization }) => verify(bearerOf(authorization));
    const introspect = verifiers.introspectUser ?? missing('introspectUser');
    return async ({ authorization }) => {
      const token = bearerOf(authorization);
      const user = await verify(token);
      await introspect(token);
      return user;
    };
  }
  if (auth.kind === 'staff') {
    const verify = verifiers.verifyStaff ?? missing('verifyStaff');
    return async ({ authorization }) => {
      const staff = await verify(bearerOf(authorization));
      if (!auth.roles.some((role) => staff.roles.includes(role)))
        fail(forbidden, { detail: `Needs one of the roles ${auth.roles.join(', ')}` });
      return staff;
    };
  }
  if (auth.kind === 'service') {
    const verify = verifiers.verifyService ?? missing('verifyService');
    return async ({ authorization }, certificateName) => {
      const service = await verify(bearerOf(authorization));
      // Under mutual TLS a stolen token is worth nothing without the certificate of the service it was made for.
      if (certificateName !== undefined && !namesCaller(certificateName, service.caller))
        fail(unauthenticated, { detail: 'The client certificate names another service than the token' });
      if (!auth.callers.includes(service.caller)) fail(forbidden, { detail: `${service.caller} may not call this` });
      return service;
    };
  }
  if (auth.kind === 'certificate') {
    const verify = verifiers.verifyService ?? missing('verifyService');
    return async (headers, certificate) => {
      if (certificate === undefined) {
        const service = await verify(plainToken(headers[serviceTokenHeader]));
        if (!auth.callers.includes(service.caller)) fail(forbidden, { detail: `${service.caller} may not call this` });
        return { ...service, certificate: undefined };
      }
      const caller = auth.callers.find((name) => namesCaller(certificate, name));
      return caller === undefined
        ? fail(forbidden, { detail: 'The client certificate names nobody who may call this' })
        : { caller, certificate };
    };
  }
  return undefined;
};
