import { createHash } from 'node:crypto';
import { idempotencyKeyReused } from '@meridian/contracts/common.ts';
import { assertNotFenced } from '@meridian/kit/account/fence.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { newId, ulid } from '@meridian/kit/ids.ts';
import type { BillingDeps, BillingTx } from '../deps.ts';
import { insertOrder, type Order } from './order.store.ts';
import { nextQueryAt, orderNoOf } from './order.ts';

export type PlaceOrder = {
  readonly accountId: string;
  readonly idempotencyKey: string;
  readonly channel: string;
  readonly amount: bigint;
  readonly minutes: number;
};

/**
 * Writes the order before the channel hears of it. The same account and key always get the same order, and with it the same number at
 * the channel: a crash between the steps never makes two. Refuses `account_cancelled` and `idempotency_key_reused`.
 */
export const placeOrder = async (tx: BillingTx, deps: BillingDeps, command: PlaceOrder): Promise<Order> => {
  const { accountId, idempotencyKey, channel, amount, minutes } = command;
  await assertNotFenced(tx, accountId);
  const at = deps.now();
  const expiresAt = new Date(at.getTime() + minutes * 60_000);
  const order = await insertOrder(tx, {
    id: newId('ord', deps.region, at),
    accountId,
    requestKey: createHash('sha256').update(idempotencyKey).digest('hex'),
    channel,
    orderNo: orderNoOf(ulid(at)),
    amount,
    currency: deps.currency,
    at,
    expiresAt,
    nextQueryAt: nextQueryAt(0, at, expiresAt),
  });
  if (order.channel !== channel || order.amount !== amount)
    fail(idempotencyKeyReused, { detail: 'This Idempotency-Key made another recharge order; draw a new one' });
  return order;
};
