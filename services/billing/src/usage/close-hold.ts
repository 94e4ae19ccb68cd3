// What settling, expiring and settling late have in common: the booking of a call's cost.
import type { LedgerKind } from '../db/schema.ts';
import type { BillingDeps, BillingTx } from '../deps.ts';
import type { Balance } from '../ledger/balance.ts';
import { bookForUser } from '../ledger/book-for-user.ts';
import { lockBalance } from '../ledger/ledger.store.ts';
import { boundOf } from '../prices/price.ts';
import { isPseudonym } from '../pseudonym.ts';
import { isFenced, type StoredHold } from './hold.store.ts';
import { endingOf } from './hold.ts';

/** Books `cost` for `hold`, giving back `held`. Answers what the user was charged and the balance after it. */
export const bookEnding = async (
  tx: BillingTx,
  deps: BillingDeps,
  ending: { hold: StoredHold; kind: LedgerKind; cost: bigint; held: bigint },
): Promise<{ charged: bigint; balance: Balance }> => {
  const { hold, kind, cost, held } = ending;
  const cancelled = isPseudonym(hold.accountId) || (await isFenced(tx, hold.accountId));
  const { available } = await lockBalance(tx, hold.accountId);
  const window = boundOf(hold.price, 0, hold.lastWindow);
  const { charged, writtenOff } = endingOf({ cost, held, available, window, cancelled });
  if (writtenOff > 0n) deps.metrics.writtenOff.inc();
  const balance = await bookForUser(tx, deps, {
    accountId: hold.accountId,
    source: { type: 'usage', id: hold.requestId },
    kind,
    amount: -charged,
    against: [
      { kind: 'revenue', owner: '', amount: cost },
      { kind: 'write_off', owner: '', amount: -writtenOff },
    ],
    released: held,
  });
  return { charged, balance };
};
