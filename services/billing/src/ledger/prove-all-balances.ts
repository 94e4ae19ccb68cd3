import type { Billing } from '../platform.ts';
import { proveBalances } from './prove-balances.ts';

/**
 * Proves every balance, part by part, and sets the metrics: the number of those that fail, and when. Never corrects one: that is for a
 * person. A proof that cannot be finished throws and leaves the metrics: their age tells that nothing is proven any more.
 */
export const proveAllBalances = async ({
  platform,
  deps,
}: {
  readonly platform: Pick<Billing['platform'], 'db' | 'log'>;
  readonly deps: Billing['deps'];
}): Promise<void> => {
  const startedAt = deps.now();
  let unproven = 0;
  let from: bigint | undefined = 0n;
  while (from !== undefined) {
    const proof = await proveBalances(platform.db.read, { from });
    for (const { accountId } of proof.unproven)
      platform.log.error({ accountId }, 'a balance is not the sum of its entries');
    unproven += proof.unproven.length;
    from = proof.next;
  }
  deps.metrics.unprovenBalances.set(unproven);
  deps.metrics.balancesProvenAt.set(startedAt.getTime() / 1000);
};
