import { requestMismatch, type UsageFigures } from '@meridian/contracts/billing.ts';
import { notFound } from '@meridian/contracts/common.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { BillingDeps, BillingTx } from '../deps.ts';
import type { Balance } from '../ledger/balance.ts';
import { readBalance } from '../ledger/ledger.store.ts';
import { costOf } from '../prices/price.ts';
import { isPseudonym } from '../pseudonym.ts';
import { saveCharge } from './charge.store.ts';
import { bookEnding } from './close-hold.ts';
import { lockHold, type StoredHold, saveClosing } from './hold.store.ts';
import { sameUsage } from './hold.ts';

export type SettleHold = {
  readonly requestId: string;
  readonly usage: UsageFigures;
  readonly outcome: 'completed' | 'interrupted';
};

export type Settlement = { readonly amount: bigint; readonly balance: Balance };

const repeated = async (tx: BillingTx, hold: StoredHold, command: SettleHold): Promise<Settlement> => {
  if (hold.settled === undefined || !sameUsage(hold.settled, command.usage) || hold.outcome !== command.outcome)
    return fail(requestMismatch, { detail: `The call of this request id is ${hold.state} with other figures` });
  return { amount: hold.booked.charged, balance: await readBalance(tx, hold.accountId) };
};

/**
 * Charges the call and releases the rest of its hold. A repeat changes nothing and answers the first amount. After the hold expired,
 * the difference to what was booked then is booked as an entry of its own kind. Refuses `not_found` and `request_mismatch` only.
 */
export const settleHold = async (tx: BillingTx, deps: BillingDeps, command: SettleHold): Promise<Settlement> => {
  const { requestId, usage, outcome } = command;
  const hold = (await lockHold(tx, requestId)) ?? fail(notFound, { detail: 'No hold has this request id' });
  if (hold.state === 'settled' || hold.state === 'released') return repeated(tx, hold, command);
  const late = hold.state === 'expired';
  const { booked, balance } = await bookEnding(tx, deps, {
    hold,
    kind: late ? 'charge_late' : 'charge',
    cost: costOf(hold.price, usage),
    held: late ? 0n : hold.amount,
  });
  const amount = booked.charged;
  const at = deps.now();
  await saveClosing(tx, { requestId, state: 'settled', booked, usage, outcome, at });
  // Of an erased account only the ledger is kept.
  if (!isPseudonym(hold.accountId))
    await saveCharge(tx, {
      requestId,
      accountId: hold.accountId,
      keyId: hold.keyId,
      model: hold.price.model,
      usage,
      amount,
      currency: deps.currency,
      priceVersion: hold.price.version,
      outcome,
      settledAt: at,
    });
  return { amount, balance };
};
