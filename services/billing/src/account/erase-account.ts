import type { ErasureReceipt } from '@meridian/kit/db/schema.ts';
import type { Profile } from '@meridian/regions/profile.ts';
import { sql } from 'kysely';
import type { OrderStatus } from '../db/schema.ts';
import type { BillingDeps, BillingTx } from '../deps.ts';
import { newPseudonym } from '../pseudonym.ts';

const dayOf = (at: Date): string => at.toISOString().slice(0, 10);

/** Last day of keeping: `years` after `from`, UTC. */
const keepUntil = (from: Date, years: number): string => {
  const day = new Date(from);
  day.setUTCFullYear(day.getUTCFullYear() + years);
  return dayOf(day);
};

/**
 * Erases what billing holds of an account. Ledger, balance and orders are kept by law, under a random pseudonym. No row that stays here names it
 * beside the account, nor the moment of the erasure, which the tombstone keeps beside the account. Events do name the account beside its orders:
 * in `published_event` for 14 days, in the event log for as long as that is kept (docs/operations.md).
 * Open holds go by the pseudonym too, so that the gateway can still settle them by their request id. The order of the statements is that of
 * the locks of every booking: orders, holds, balance; what a booking under way writes is then erased after it.
 */
export const eraseAccount = async (
  tx: BillingTx,
  deps: BillingDeps,
  { accountId, retention }: { accountId: string; retention: Profile['retention']['payments'] },
): Promise<ErasureReceipt> => {
  const at = deps.now();
  const until = keepUntil(at, retention.years);
  const pseudonym = newPseudonym(deps.region);
  const orders = await tx
    .updateTable('recharge_order')
    .set((eb) => ({
      account_id: pseudonym,
      request_key: eb.ref('id'),
      payment: null,
      // A payable order loses how to pay it, so it counts as created again until the poller closes it.
      status: sql<OrderStatus>`case status when 'paying' then 'created' else status end`,
    }))
    .where('account_id', '=', accountId)
    .executeTakeFirst();
  await tx
    .updateTable('hold')
    .set({ account_id: pseudonym, key_id: pseudonym })
    .where('account_id', '=', accountId)
    .where('state', '=', 'held')
    .execute();
  const balance = await tx
    .updateTable('balance')
    .set({ account_id: pseudonym, erased_on: dayOf(at), retained_until: until })
    .where('account_id', '=', accountId)
    .returning(['available', 'held', 'ledger_account_id'])
    .executeTakeFirst();
  await tx
    .updateTable('ledger_account')
    .set({ owner: pseudonym })
    .where('kind', '=', 'user_cash')
    .where('owner', '=', accountId)
    .execute();
  // What the channels wrote may name the payer.
  const messages = await tx
    .updateTable('channel_event')
    .set({ body: Buffer.alloc(0) })
    .where('order_no', 'in', (eb) =>
      eb.selectFrom('recharge_order').select('channel_order_no').where('account_id', '=', pseudonym),
    )
    .executeTakeFirst();
  const charges = await tx.deleteFrom('charge').where('account_id', '=', accountId).executeTakeFirst();
  const holds = await tx.deleteFrom('hold').where('account_id', '=', accountId).executeTakeFirst();
  const verified = await tx.deleteFrom('verified_account').where('account_id', '=', accountId).executeTakeFirst();
  const entries = await tx
    .selectFrom('ledger_entry')
    .select((eb) => eb.fn.countAll<bigint>().as('count'))
    .where('ledger_account_id', '=', balance?.ledger_account_id ?? 0n)
    .executeTakeFirstOrThrow();

  const kept = (name: string, count: number) => ({ class: name, count, basis: retention.basis, until });
  const refundable = balance !== undefined && balance.available + balance.held > 0n ? 1 : 0;
  return {
    erased: {
      charges: Number(charges.numDeletedRows),
      holds: Number(holds.numDeletedRows),
      channel_messages: Number(messages.numUpdatedRows),
      verification_copies: Number(verified.numDeletedRows),
    },
    retained: [
      kept('recharge_orders', Number(orders.numUpdatedRows)),
      kept('ledger_entries', Number(entries.count)),
      kept('refundable_balances', refundable),
    ].filter(({ count }) => count > 0),
  };
};
