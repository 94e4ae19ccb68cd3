import { fenceModeration } from '@meridian/contracts/fence.ts';
import { fenceAccount } from '@meridian/kit/account/fence.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { Platform } from '@meridian/kit/run/platform.ts';
import type { Schema } from '../db/schema.ts';

export const fenceRoutes = (platform: Platform<Schema>): void => {
  route(platform.internalServer, fenceModeration, async ({ body: { accountId, sagaId } }) => {
    platform.wall(accountId);
    platform.wall(sagaId);
    const { fencedAt } = await platform.db.transaction((tx) =>
      fenceAccount(tx, { accountId, sagaId, now: platform.now() }),
    );
    return { status: 200, body: { accountId, sagaId, fencedAt: fencedAt.toISOString() } };
  });
};
