import { getBalance, getBillingStanding } from '@meridian/contracts/billing.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { Billing } from '../platform.ts';
import { readBalance } from './ledger.store.ts';

export const balancesRoutes = ({ platform, deps }: Billing): void => {
  const { db, publicServer, internalServer, wall } = platform;
  const balanceOf = async (accountId: string) => {
    const { available, held } = await readBalance(db.read, accountId);
    return { currency: deps.currency, available: available.toString(), held: held.toString() };
  };
  route(publicServer, getBalance, async ({ auth }) => ({ status: 200, body: await balanceOf(auth.accountId) }));
  route(internalServer, getBillingStanding, async ({ params }) => {
    wall(params.accountId);
    return { status: 200, body: await balanceOf(params.accountId) };
  });
};
