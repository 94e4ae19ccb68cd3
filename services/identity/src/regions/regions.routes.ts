// The public profile of this region and the directory of all of them.
import { getRegion, listRegions } from '@meridian/contracts/identity.ts';
import { route } from '@meridian/kit/http/route.ts';
import { publicPart } from '@meridian/regions/public-region.ts';
import type { IdentityDeps } from '../deps.ts';

export const regionRoutes = ({ publicServer, region }: IdentityDeps): void => {
  const own = publicPart(region.profile);
  const items = Object.entries(region.directory).map(([id, { name, addresses }]) => ({ id, name, addresses }));
  route(publicServer, getRegion, async () => ({ status: 200, body: own }));
  route(publicServer, listRegions, async () => ({ status: 200, body: { items } }));
};
