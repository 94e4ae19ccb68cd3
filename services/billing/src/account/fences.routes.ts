import { fenceBilling } from '@meridian/contracts/fence.ts';
import { fenceAccount } from '@meridian/kit/account/fence.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { Billing } from '../platform.ts';

/** After the answer the account gets no new hold and no recharge; open holds settle up to their amount until their deadline. */
export const fencesRoutes = ({ platform, deps }: Billing): void => {
  route(platform.internalServer, fenceBilling, async ({ body: { accountId, sagaId } }) => {
    platform.wall(accountId);
    platform.wall(sagaId);
    const now = deps.now();
    const { fencedAt } = await platform.db.transaction((tx) => fenceAccount(tx, { accountId, sagaId, now }));
    return { status: 200, body: { accountId, sagaId, fencedAt: fencedAt.toISOString() } };
  });
};
