// Where a container stack keeps what, and which names and ports it has. infra/compose/region.yml is written against this.
import { join } from 'node:path';
import { type ServiceName, serviceNames } from '@meridian/contracts/endpoint.ts';
import type { RegionDirectory } from '@meridian/regions/region.ts';
import { profiles } from '@meridian/regions/region.ts';

/** Services with a database. */
export const storedServices = serviceNames.filter((name) => name !== 'gateway');

/** Ports inside the stack, the same for every service: each has a container of its own. */
export const publicPort = 4443;
export const internalPort = 4444;
export const sandboxPorts = { http: 7443, smtp: 7025 };

export type RegionPlaces = {
  /** Settings that compose reads. */
  readonly envFile: string;
  /** One folder per container: files named after the variables of its program. Git ignores all of it. */
  readonly folder: string;
  readonly of: (container: string) => string;
};

/** `regions` is infra/regions, or where an operator keeps secrets instead (--into). */
export const placesOf = (regions: string, id: string): RegionPlaces => {
  const folder = join(regions, id);
  return { envFile: `${folder}.env`, folder, of: (container) => join(folder, container) };
};

/** Addresses of a region on one machine. Names below .localhost are this machine (RFC 6761, section 6.3); inside the stack they are the edge. */
export const localAddresses = (id: string, port: number) => ({
  api: `https://api.${id}.localhost:${port}`,
  baseUrls: { payg: `https://model.${id}.localhost:${port}/v1`, plan: null },
});

/** Ports of the regions that come with Meridian, in their order; others are told by --port. */
export const defaultPort = (id: string): number | undefined => {
  const index = Object.keys(profiles).indexOf(id);
  return index < 0 ? undefined : 8443 + 1000 * index;
};

/** All regions that come with Meridian, on this machine. */
export const localDirectory = (own: { id: string; name: string; port: number }): RegionDirectory => ({
  ...Object.fromEntries(
    Object.values(profiles).map((profile) => [
      profile.id,
      { name: profile.name, addresses: localAddresses(profile.id, defaultPort(profile.id) as number) },
    ]),
  ),
  [own.id]: { name: own.name, addresses: localAddresses(own.id, own.port) },
});

/** PostgreSQL roles and database of a service. */
export const databaseNames = (service: ServiceName) => {
  const name = service.replaceAll('-', '_');
  return { host: `${service}-db`, database: name, owner: `${name}_owner`, application: `${name}_app` };
};
