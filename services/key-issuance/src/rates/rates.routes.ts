// What a gateway reports after a call.
import { reportKeyUsage } from '@meridian/contracts/key-issuance.ts';
import type { Database } from '@meridian/kit/db/database.ts';
import type { RegionWall } from '@meridian/kit/http/region-wall.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { HttpServer } from '@meridian/kit/http/server.ts';
import type { Schema } from '../db/schema.ts';
import { correctTokens } from './rate.store.ts';
import { type AccountModelLimits, accountModelSubject, keySubject } from './rate.ts';

type Deps = {
  readonly db: Database<Schema>;
  readonly wall: RegionWall;
  readonly now: () => Date;
  readonly accountModelLimits: AccountModelLimits;
};

export const rateRoutes = (server: HttpServer, { db, wall, now, accountModelLimits }: Deps): void => {
  route(server, reportKeyUsage, async ({ body }) => {
    const { accountId, keyId, model, requestId, tokensReserved, tokensUsed } = body;
    wall(accountId);
    wall(keyId);
    const difference = tokensUsed - tokensReserved;
    const subjects = [
      keySubject(keyId),
      ...(model === null ? [] : [accountModelSubject(accountId, model, accountModelLimits)]),
    ];
    const reservedAt = new Date(body.reservedAt);
    if (difference !== 0) await correctTokens(db.read, { requestId, subjects, reservedAt, difference }, now());
    return { status: 204 };
  });
};
