// The one place where a user's money changes: the posting, the balance and the events of a crossing, in one transaction.
import { balanceExhausted, balanceRestored } from '@meridian/contracts/events/billing.ts';
import type { LedgerKind, LedgerSource } from '../db/schema.ts';
import type { BillingDeps, BillingTx } from '../deps.ts';
import { isPseudonym } from '../pseudonym.ts';
import { type Balance, crossingOf } from './balance.ts';
import { addToBalance, type Entry, post } from './ledger.store.ts';

export type Booking = {
  readonly accountId: string;
  readonly source: { readonly type: LedgerSource; readonly id: string };
  readonly kind: LedgerKind;
  /** Posted on user_cash: above zero we owe the user more, below zero less. */
  readonly amount: bigint;
  /** The other side; sums to -amount. */
  readonly against: readonly Entry[];
  /** Part of the held amount that a closing hold gives back. */
  readonly released?: bigint;
};

const crossed = { exhausted: balanceExhausted, restored: balanceRestored } as const;

/** Answers the balance after the booking. The account must have a balance (ensureUserAccount). */
export const bookForUser = async (tx: BillingTx, deps: BillingDeps, booking: Booking): Promise<Balance> => {
  const { accountId, source, kind, amount, against, released = 0n } = booking;
  // The balance is locked before the ledger is written, so that bookings of one account follow one another.
  const after = await addToBalance(tx, accountId, { available: amount + released, held: -released });
  const entries = [{ kind: 'user_cash' as const, owner: accountId, amount }, ...against];
  await post(tx, { source, kind, at: deps.now(), currency: deps.currency, entries });
  const total = after.available + after.held;
  const crossing = crossingOf(total - amount, total);
  if (crossing !== undefined && !isPseudonym(accountId)) {
    const data = { balance: total.toString(), currency: deps.currency };
    await deps.publish(tx, crossed[crossing], { accountId, data });
  }
  return after;
};
