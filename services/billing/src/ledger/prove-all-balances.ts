import type { Billing } from '../platform.ts';
import { proveBalances } from './prove-balances.ts';

/** Proves every balance, part by part, and sets the metric to the number of those that fail. Never corrects one: that is for a person. */
export const proveAllBalances = async ({ platform, deps }: Billing): Promise<void> => {
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
};
