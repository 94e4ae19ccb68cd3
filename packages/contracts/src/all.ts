// Every endpoint of the platform by service, and which service answers which public address.
import { endpoints as billing } from './billing.ts';
import { type EndpointDefinition, isInternal, type ServiceName } from './endpoint.ts';
import { endpoints as gateway } from './gateway.ts';
import { endpoints as identity } from './identity.ts';
import { loginEndpoints } from './identity-logins.ts';
import { endpoints as recovery } from './identity-recovery.ts';
import { endpoints as staff } from './identity-staff.ts';
import { endpoints as keyIssuance } from './key-issuance.ts';
import { endpoints as moderation } from './moderation.ts';
import { endpoints as verification } from './verification.ts';

export const endpointsOf: Readonly<Record<ServiceName, readonly EndpointDefinition[]>> = {
  identity: [...identity, ...loginEndpoints, ...recovery, ...staff],
  verification,
  billing,
  'key-issuance': keyIssuance,
  moderation,
  gateway,
};

/** Services behind a region's one public origin; the gateway has an origin of its own, the Base URL. */
export const apiServices = [
  'identity',
  'verification',
  'billing',
  'key-issuance',
  'moderation',
] as const satisfies readonly ServiceName[];

export type PublicPrefix = { readonly prefix: string; readonly service: ServiceName };

/** Path prefixes for an edge proxy, longest first: a path belongs to the first prefix that it equals or continues with "/". */
export const publicPrefixes = (): PublicPrefix[] => {
  const prefixes = new Map<string, ServiceName>();
  for (const service of apiServices) {
    for (const e of endpointsOf[service]) {
      if (isInternal(e)) continue;
      prefixes.set(e.path.split('/{')[0] as string, service);
    }
  }
  return [...prefixes]
    .map(([prefix, service]) => ({ prefix, service }))
    .sort((a, b) => b.prefix.length - a.prefix.length);
};

/** The service that answers `path` (without query) on the public origin. */
export const serviceOfPath = (path: string, prefixes: readonly PublicPrefix[]): ServiceName | undefined =>
  prefixes.find(({ prefix }) => path === prefix || path.startsWith(`${prefix}/`))?.service;
