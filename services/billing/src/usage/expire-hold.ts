import type { BillingDeps, BillingTx } from '../deps.ts';
import { costOf } from '../prices/price.ts';
import { isPseudonym } from '../pseudonym.ts';
import { saveCharge } from './charge.store.ts';
import { bookEnding } from './close-hold.ts';
import { lockFreeHold, saveClosing } from './hold.store.ts';

/**
 * Closes one hold whose deadline has passed: charges the last report, releases the rest. Answers false when there was nothing to do:
 * the hold was settled or extended meanwhile, or another replica works on it.
 */
export const expireHold = async (tx: BillingTx, deps: BillingDeps, requestId: string): Promise<boolean> => {
  const hold = await lockFreeHold(tx, requestId);
  const at = deps.now();
  if (hold === undefined || hold.state !== 'held' || hold.deadline > at) return false;
  const usage = hold.reported;
  const cost = usage === undefined ? 0n : costOf(hold.price, usage);
  const { booked } = await bookEnding(tx, deps, { hold, kind: 'charge_expired', cost, held: hold.amount });
  await saveClosing(tx, { requestId, state: 'expired', booked, at });
  if (usage !== undefined && !isPseudonym(hold.accountId))
    await saveCharge(tx, {
      requestId,
      accountId: hold.accountId,
      keyId: hold.keyId,
      model: hold.price.model,
      usage,
      amount: booked.charged,
      currency: deps.currency,
      priceVersion: hold.price.version,
      outcome: 'expired',
      settledAt: at,
    });
  deps.metrics.holdsExpired.inc();
  return true;
};
