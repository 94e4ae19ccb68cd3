import { holdNotOpen } from '@meridian/contracts/billing.ts';
import { notFound } from '@meridian/contracts/common.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { BillingDeps, BillingTx } from '../deps.ts';
import { addToBalance } from '../ledger/ledger.store.ts';
import { lockHold, saveClosing } from './hold.store.ts';
import { nothingBooked } from './hold.ts';

/** Gives back a hold whose call delivered nothing; a repeat changes nothing. Refuses `not_found` and `hold_not_open`. */
export const releaseHold = async (tx: BillingTx, deps: BillingDeps, requestId: string): Promise<void> => {
  const hold = (await lockHold(tx, requestId)) ?? fail(notFound, { detail: 'No hold has this request id' });
  if (hold.state === 'released') return;
  if (hold.state !== 'held') fail(holdNotOpen, { detail: `The hold is ${hold.state}: nothing is left to release` });
  await addToBalance(tx, hold.accountId, { available: hold.amount, held: -hold.amount });
  await saveClosing(tx, { requestId, state: 'released', booked: nothingBooked, at: deps.now() });
};
