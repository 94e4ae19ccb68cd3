import {
  amountOutOfRange,
  channelNotOffered,
  channelUnavailable,
  createRecharge,
  getRecharge,
  listRecharges,
} from '@meridian/contracts/billing.ts';
import { invalidInput, notFound } from '@meridian/contracts/common.ts';
import { pageFrom, readCursor, timePlace } from '@meridian/kit/http/page.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { Billing } from '../platform.ts';
import type { Channel } from './channel.ts';
import type { Channels } from './channels.ts';
import { findOrder, listOrders, type Order, savePayment } from './order.store.ts';
import { flawOfAmount } from './order.ts';
import { placeOrder } from './place-order.ts';

export type RechargeGates = {
  /** Both ask another service: never call them inside a transaction. */
  readonly assertVerified: (accountId: string) => Promise<void>;
  readonly payerEmail: (accountId: string) => Promise<string>;
};

const shown = (order: Order) => ({
  orderId: order.id,
  channel: order.channel,
  amount: order.amount.toString(),
  currency: order.currency,
  status: order.status,
  payment: order.status === 'paying' ? order.payment : null,
  createdAt: order.created_at.toISOString(),
  expiresAt: order.expires_at.toISOString(),
  paidAt: order.paid_at?.toISOString() ?? null,
});

const place = timePlace('ord');

export const rechargesRoutes = (billing: Billing, channels: Channels, gates: RechargeGates): void => {
  const { platform, region, deps } = billing;
  const { db, publicServer, wall } = platform;
  const { payment: terms, currencyStep } = region.profile;
  const limits = {
    minimum: BigInt(terms.minimumRecharge),
    maximum: BigInt(terms.maximumRecharge),
    step: BigInt(currencyStep),
  };

  /** How to pay an order, from the channel; undefined when it is over there already and the poller will find out how. */
  const paymentOf = async (channel: Channel, order: Order, payerEmail: string | undefined) => {
    const created = await channel.create({
      orderNo: order.channel_order_no,
      amount: order.amount,
      currency: order.currency,
      createdAt: order.created_at,
      expiresAt: order.expires_at,
      payerId: order.account_id,
      payerEmail,
    });
    if (created.kind === 'payable') return created.payment;
    if (created.kind === 'finished') return undefined;
    deps.metrics.channelUnknown.inc({ channel: order.channel, call: 'create' });
    return fail(channelUnavailable, {
      detail: 'Repeat the request with the same Idempotency-Key: it continues the same order',
      retryAfter: 5,
    });
  };

  route(publicServer, createRecharge, async ({ auth: { accountId }, body, idempotency }) => {
    const channel =
      channels.get(body.channel) ??
      fail(channelNotOffered, { detail: `Offered are: ${[...channels.keys()].join(', ')}` });
    if (body.currency !== deps.currency)
      fail(invalidInput, { errors: [{ pointer: '/body/currency', detail: `must be ${deps.currency}` }] });
    const amount = BigInt(body.amount);
    const flaw = flawOfAmount(amount, limits);
    if (flaw !== undefined) fail(amountOutOfRange, { detail: flaw });
    await gates.assertVerified(accountId);
    const payerEmail = channel.needsEmail ? await gates.payerEmail(accountId) : undefined;

    const command = {
      accountId,
      idempotencyKey: idempotency.key,
      channel: body.channel,
      amount,
      minutes: terms.orderMinutes,
    };
    const order = await db.transaction((tx) => placeOrder(tx, deps, command));
    // Of an order that is over, or whose time is up, only the state is told; the poller closes it.
    const payable = order.status === 'created' && deps.now() < order.expires_at;
    const payment = payable ? await paymentOf(channel, order, payerEmail) : undefined;
    if (payment === undefined) return { status: 201, body: shown(order) };
    return idempotency.commit(db, async (tx: Parameters<typeof savePayment>[0]) => ({
      status: 201 as const,
      body: shown(await savePayment(tx, order.id, payment)),
    }));
  });

  route(publicServer, getRecharge, async ({ auth, params: { orderId } }) => {
    wall(orderId);
    const order = await findOrder(db.read, auth.accountId, orderId);
    return order ? { status: 200, body: shown(order) } : fail(notFound, { detail: 'You have no recharge of that id' });
  });

  route(publicServer, listRecharges, async ({ auth, query: { cursor, limit } }) => {
    const found = await listOrders(db.read, auth.accountId, { after: readCursor(place, cursor), limit });
    const { rows, next } = pageFrom(found, limit, place, (order) => ({ at: order.created_at, id: order.id }));
    return { status: 200, body: { items: rows.map(shown), next } };
  });
};
