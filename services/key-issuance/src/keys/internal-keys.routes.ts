// Keys as other services see them: gateways verify, billing issues those of a plan.
import {
  issuePlanKey as issuePlanKeyEndpoint,
  setPlan as setPlanEndpoint,
  verifyKey as verifyKeyEndpoint,
} from '@meridian/contracts/key-issuance.ts';
import type { Database, Tx } from '@meridian/kit/db/database.ts';
import type { RegionWall } from '@meridian/kit/http/region-wall.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { HttpServer } from '@meridian/kit/http/server.ts';
import type { Schema } from '../db/schema.ts';
import type { IssueDeps } from './issue-key.ts';
import { issuePlanKey, setPlan } from './issue-plan-key.ts';
import { type VerifyDeps, verifyKey } from './verify-key.ts';

export const verifyRoutes = (server: HttpServer, deps: VerifyDeps): void => {
  route(server, verifyKeyEndpoint, async ({ body }) => ({ status: 200, body: await verifyKey(deps, body) }));
};

export const planRoutes = (
  server: HttpServer,
  deps: IssueDeps & { readonly db: Database<Schema>; readonly wall: RegionWall },
): void => {
  const { db, wall } = deps;
  route(server, issuePlanKeyEndpoint, ({ body, idempotency }) => {
    wall(body.accountId);
    const command = { ...body, planUntil: new Date(body.planUntil) };
    return idempotency.commit(db, (tx: Tx<Schema>) => issuePlanKey(tx, deps, command));
  });
  route(server, setPlanEndpoint, async ({ params, body }) => {
    wall(params.accountId);
    const planUntil = body.planUntil === null ? null : new Date(body.planUntil);
    await db.transaction((tx) => setPlan(tx, deps, { ...params, planUntil }));
    return { status: 204 };
  });
};
