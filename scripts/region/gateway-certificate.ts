// Certificates for gateways of the operator's own: clients of the region's internal listeners, each under a name of its own, so that one that
// leaks is taken off a list alone.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Authority, openAuthority } from './certificates.ts';
import { authorityFolder } from './issue-certificates.ts';
import type { RegionPlaces } from './layout.ts';
import { writeAll } from './store.ts';

/** Any other name is a service's, or the edge's: its certificate would let its holder pose as that. Same form as GATEWAY_CERTIFICATES takes. */
const gatewayName = /^gateway\.[a-z0-9-]{1,60}$/;
export const isGatewayName = (name: string): boolean => gatewayName.test(name);

/** Named as infra/gateway reads them: the folder serves as it is. */
const issueInto = async (places: RegionPlaces, authority: Authority, name: string): Promise<string> => {
  const { key, cert } = await authority.issue({ name, hosts: [], usage: ['clientAuth'] });
  const folder = places.of(name);
  writeAll(folder, { 'gateway.key': key, 'gateway.crt': cert, 'ca.crt': authority.bundle() });
  return folder;
};

export const issueGatewayCertificate = async (places: RegionPlaces, id: string, name: string) => {
  if (!isGatewayName(name))
    throw new Error(
      `a certificate is for gateway.<name>, of lower-case letters, digits and "-", at most 60; not for "${name}"`,
    );
  const ca = authorityFolder(places);
  // openAuthority would make a new one, which nobody in the region believes.
  if (!existsSync(join(ca, 'ca.key'))) throw new Error(`the authority of region ${id} is not here: ${ca}`);
  const renewed = existsSync(join(places.of(name), 'gateway.crt'));
  return { folder: await issueInto(places, await openAuthority(ca, id), name), renewed };
};

/** Names of those that were issued here before. */
export const ownGateways = (places: RegionPlaces): string[] => readdirSync(places.folder).filter(isGatewayName).sort();

/** Issues them all again; returns their folders. */
export const renewGatewayCertificates = async (places: RegionPlaces, authority: Authority): Promise<string[]> => {
  const folders: string[] = [];
  for (const name of ownGateways(places)) folders.push(await issueInto(places, authority, name));
  return folders;
};
