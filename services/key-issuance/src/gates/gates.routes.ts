// The fence that identity asks for, and the figures it shows before.
import { fenceKeyIssuance } from '@meridian/contracts/fence.ts';
import { getKeyStanding } from '@meridian/contracts/key-issuance.ts';
import type { Database } from '@meridian/kit/db/database.ts';
import type { RegionWall } from '@meridian/kit/http/region-wall.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { HttpServer } from '@meridian/kit/http/server.ts';
import type { Schema } from '../db/schema.ts';
import type { Deps } from '../deps.ts';
import { countActive } from '../keys/key.store.ts';
import { fenceKeys } from './fence-keys.ts';

type RouteDeps = Deps & { readonly db: Database<Schema>; readonly wall: RegionWall };

export const gateRoutes = (server: HttpServer, deps: RouteDeps): void => {
  const { db, wall } = deps;
  route(server, fenceKeyIssuance, async ({ body }) => {
    wall(body.accountId);
    wall(body.sagaId);
    const { fencedAt } = await db.transaction((tx) => fenceKeys(tx, deps, body));
    return { status: 200, body: { ...body, fencedAt: fencedAt.toISOString() } };
  });
  route(server, getKeyStanding, async ({ params }) => {
    wall(params.accountId);
    return { status: 200, body: { activeKeys: await countActive(db.read, params.accountId, deps.now()) } };
  });
};
