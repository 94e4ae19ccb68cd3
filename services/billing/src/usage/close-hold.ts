// What settling, expiring and settling late have in common: the booking of a call's cost.
import type { LedgerKind } from '../db/schema.ts';
import type { BillingDeps, BillingTx } from '../deps.ts';
import type { Balance } from '../ledger/balance.ts';
import { bookForUser } from '../ledger/book-for-user.ts';
import { lockBalance } from '../ledger/ledger.store.ts';
import { boundOf } from '../prices/price.ts';
import { isPseudonym } from '../pseudonym.ts';
import { isFenced, type StoredHold } from './hold.store.ts';
import { type Booked, endingOf } from './hold.ts';

/** Books the difference between `cost` and what was booked for `hold` before, giving back `held`. Answers what is booked in all, and the balance. */
export const bookEnding = async (
  tx: BillingTx,
  deps: BillingDeps,
  ending: { hold: StoredHold; kind: LedgerKind; cost: bigint; held: bigint },
): Promise<{ booked: Booked; balance: Balance }> => {
  const { hold, kind, cost, held } = ending;
  const cancelled = isPseudonym(hold.accountId) || (await isFenced(tx, hold.accountId));
  const { available } = await lockBalance(tx, hold.accountId);
  const window = boundOf(hold.price, 0, hold.lastWindow);
  const before = hold.booked;
  const { charged, writtenOff, arrears } = endingOf({ cost, before, held, available, window, cancelled });
  if (writtenOff > 0n) deps.metrics.writtenOff.inc();
  const balance = await bookForUser(tx, deps, {
    accountId: hold.accountId,
    source: { type: 'usage', id: hold.requestId },
    kind,
    amount: -charged,
    against: [
      { kind: 'revenue', owner: '', amount: charged + writtenOff },
      { kind: 'write_off', owner: '', amount: -writtenOff },
    ],
    released: held,
  });
  const booked = {
    charged: before.charged + charged,
    writtenOff: before.writtenOff + writtenOff,
    arrears: before.arrears + arrears,
  };
  return { booked, balance };
};
