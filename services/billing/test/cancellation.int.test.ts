import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { accountErasureRequested } from '@meridian/contracts/events/lifecycle.ts';
import { columnsNear } from '@meridian/testkit/service/columns-near.ts';
import { tablesNaming } from '@meridian/testkit/service/tables-naming.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { ordersOf } from './support/orders.ts';
import { startTestBilling, type TestBilling } from './support/test-billing.ts';

let billing: TestBilling;
let orders: ReturnType<typeof ordersOf>;
let published: (accountId: string) => { type: string; data: Record<string, unknown> }[];
beforeAll(async () => {
  billing = await startTestBilling('cn');
  orders = ordersOf(billing, { part: 'wechat-pay', channel: 'wechat_pay', currency: 'CNY' });
  published = await billing.published();
}, 60_000);
afterAll(() => billing.stop());

const verifiedAccount = () => {
  const accountId = billing.newAccount();
  billing.neighbours.verified.set(accountId, 'personal');
  return accountId;
};
const funded = async () => {
  const accountId = verifiedAccount();
  const { orderId, orderNo } = await orders.payable(accountId);
  await orders.pay(orderNo);
  await orders.becomes(accountId, orderId, 'paid');
  return accountId;
};
const hold = async (accountId: string) => {
  const requestId = billing.newId('req');
  const body = {
    requestId,
    accountId,
    keyId: billing.newId('key'),
    model: 'meridian-v2.5',
    promptTokensBound: 1000,
    completionWindow: 1000,
  };
  return { requestId, answer: await billing.from('gateway', 'POST', '/internal/v1/holds', body) };
};
const settle = (requestId: string, completionTokens: number) =>
  billing.from('gateway', 'POST', `/internal/v1/holds/${requestId}/settle`, {
    usage: { promptTokens: 1000, cachedTokens: 0, completionTokens },
    outcome: 'completed',
  });
const fence = (accountId: string, sagaId: string) =>
  billing.from('identity', 'POST', '/internal/v1/fences', { accountId, sagaId });
const erase = async (accountId: string, sagaId: string) => {
  await billing.publish('identity', accountErasureRequested, accountId, { sagaId });
  return waitFor(async () => published(accountId).find((event) => event.type === 'account-erased.v1'));
};
const unproven = async () =>
  (
    await billing.rows<{ n: string }>(
      `select count(*) as n from balance b where b.available + b.held <>
       (select coalesce(sum(amount), 0) from ledger_entry e where e.ledger_account_id = b.ledger_account_id)
     or b.held <> (select coalesce(sum(amount), 0) from hold h where h.account_id = b.account_id and h.state = 'held')`,
    )
  )[0]?.n;

describe('a fenced account', () => {
  test('gets no recharge and no hold; the fence is idempotent', async () => {
    const accountId = await funded();
    const sagaId = billing.newId('sag');
    const first = await fence(accountId, sagaId);
    expect([first.status, first.body.accountId]).toEqual([200, accountId]);
    expect((await fence(accountId, sagaId)).body).toEqual(first.body);
    expect((await orders.recharge(accountId)).body.code).toBe('account_cancelled');
    // Nor is anything learned of it: not even that it is verified.
    await billing.rows('delete from verified_account where account_id = $1', [accountId]);
    expect((await orders.recharge(accountId)).body.code).toBe('account_cancelled');
    expect(await billing.rows('select 1 from verified_account where account_id = $1', [accountId])).toEqual([]);
    expect((await hold(accountId)).answer.body.code).toBe('account_cancelled');
    expect((await billing.as(accountId, 'GET', '/v1/billing/balance')).body.code).toBe('account_cancelled');
  });

  test('pays late: the money is booked to suspense, told as an alarm, and never credited', async () => {
    const accountId = verifiedAccount();
    const { orderId, orderNo } = await orders.payable(accountId);
    await fence(accountId, billing.newId('sag'));
    await orders.pay(orderNo);
    await waitFor(async () => (await orders.postings(orderId)).length > 0);
    await orders.resend(orderNo);
    expect(await orders.postings(orderId)).toEqual([
      { kind: 'credit_suspense', account: 'clearing', amount: '-5000000000' },
      { kind: 'credit_suspense', account: 'suspense', amount: '5000000000' },
    ]);
    const standing = await billing.from('identity', 'GET', `/internal/v1/accounts/${accountId}/standing`);
    expect(standing.body).toMatchObject({ available: '0', held: '0' });
    expect(await billing.metric('billing_suspense_payments_total', '{channel="wechat_pay"}')).toBe(1);
    expect(published(accountId)).toEqual([]);
  });
});

describe('erasure', () => {
  test('keeps orders and ledger under a pseudonym, erases the rest, and answers with counts', async () => {
    const accountId = await funded();
    const done = await hold(accountId);
    await settle(done.requestId, 10);
    const running = await hold(accountId);
    expect(running.answer.status).toBe(201);
    const unpaid = await orders.payable(accountId);
    // What the channel says of it is to come by notification, not by asking.
    await billing.rows('update recharge_order set next_query_at = null where id = $1', [unpaid.orderId]);
    const sagaId = billing.newId('sag');
    await fence(accountId, sagaId);
    const erased = await erase(accountId, sagaId);
    const [tombstone] = await billing.rows<{ at: Date }>(
      'select erased_at as at from account_tombstone where account_id = $1',
      [accountId],
    );
    const day = new Date(tombstone?.at ?? 0);
    day.setUTCFullYear(day.getUTCFullYear() + 3);
    const until = day.toISOString().slice(0, 10);
    const basis = expect.stringContaining('E-Commerce Law');
    expect(erased.data).toEqual({
      sagaId,
      service: 'billing',
      erased: { charges: 1, holds: 1, channel_messages: 1, verification_copies: 1, idempotency_keys: 2 },
      retained: [
        { class: 'recharge_orders', count: 2, basis, until },
        { class: 'ledger_entries', count: 2, basis, until },
        { class: 'refundable_balances', count: 1, basis, until },
      ],
    });

    // Nothing names the account any more but what tells its cancellation.
    const allowed = [
      'account_fence',
      'account_sequence',
      'account_tombstone',
      'inbox_sequence',
      'outbox',
      'published_event',
    ];
    expect((await tablesNaming(billing.rows, accountId)).filter((name) => !allowed.includes(name))).toEqual([]);
    // Beside a record that is kept only its events do, until they are pruned.
    const kept = await billing.rows<{ id: string }>(
      'select id from recharge_order where account_id = (select account_id from recharge_order where id = $1)',
      [unpaid.orderId],
    );
    expect(kept).toHaveLength(2);
    await waitFor(async () => (await billing.rows('select 1 from outbox')).length === 0);
    const beside = await Promise.all(kept.map(({ id }) => tablesNaming(billing.rows, accountId, id)));
    expect([...new Set(beside.flat())]).toEqual(['published_event']);

    // The running call may still settle by its request id, up to its hold, and leaves no detail.
    const settled = await settle(running.requestId, 100_000);
    expect(settled.status).toBe(200);
    expect(settled.body.amount).toBe(running.answer.body.held);
    expect(await billing.rows('select 1 from charge where request_id = $1', [running.requestId])).toEqual([]);

    // Paid after all: to suspense, not lost.
    await orders.pay(unpaid.orderNo);
    await waitFor(async () => (await orders.postings(unpaid.orderId)).length === 2);
    expect((await orders.postings(unpaid.orderId)).map((p) => p.account)).toEqual(['clearing', 'suspense']);
    // Of what the channel wrote about its orders nothing readable is left, before and after.
    const messages = await billing.rows<{ outcome: string; bytes: number }>(
      `select outcome, length(body) as bytes from channel_event join recharge_order on order_no = channel_order_no
       where account_id = (select account_id from recharge_order where id = $1) order by received_at`,
      [unpaid.orderId],
    );
    expect(messages).toEqual([
      { outcome: 'credited', bytes: 0 },
      { outcome: 'suspense', bytes: 0 },
    ]);
    expect(await unproven()).toBe('0');
    expect(published(accountId).map((event) => event.type)).toEqual([
      'balance-restored.v1',
      'recharge-credited.v1',
      'account-erased.v1',
    ]);
  });

  test('takes what the channel wrote about refunds with it, before and after', async () => {
    const accountId = verifiedAccount();
    const { orderId, orderNo } = await orders.payable(accountId);
    await orders.pay(orderNo);
    await orders.becomes(accountId, orderId, 'paid');
    const messages = () =>
      billing.rows<{ kind: string; bytes: number }>(
        'select kind, length(body) as bytes from channel_event where order_no = $1 order by received_at',
        [orderNo],
      );
    const refund = (amount: number) => billing.control('POST', `wechat-pay/orders/${orderNo}/refund`, { amount });
    await refund(100);
    await waitFor(async () => (await messages()).length === 2);
    expect((await messages()).every(({ bytes }) => bytes > 0)).toBe(true);
    const sagaId = billing.newId('sag');
    await fence(accountId, sagaId);
    expect((await erase(accountId, sagaId)).data).toMatchObject({ erased: { channel_messages: 2 } });
    await refund(50);
    await waitFor(async () => (await messages()).length === 3);
    expect(await messages()).toEqual([
      { kind: 'TRANSACTION.SUCCESS', bytes: 0 },
      { kind: 'REFUND.SUCCESS', bytes: 0 },
      { kind: 'REFUND.SUCCESS', bytes: 0 },
    ]);
  });

  test('leaves nothing that can be matched by time with the tombstone, which names the account', async () => {
    const accountId = await funded();
    await orders.payable(accountId);
    // Or the order, expired by then, would be closed in the minute of the erasure.
    await billing.rows('update recharge_order set next_query_at = null where next_query_at is not null');
    const hour = 3_600_000;
    billing.moveClock(hour);
    const sagaId = billing.newId('sag');
    await fence(accountId, sagaId);
    await erase(accountId, sagaId);
    const [tombstone] = await billing.rows<{ at: Date }>(
      'select erased_at as at from account_tombstone where account_id = $1',
      [accountId],
    );
    const at = tombstone?.at ?? new Date(0);
    const found = await columnsNear(billing.rows, { at, ms: hour / 2, account: accountId });
    // That an event came: neither whose nor what.
    expect(found.filter((column) => !column.startsWith('inbox.'))).toEqual([]);
    const days = await billing.rows<{ day: string }>(
      `select erased_on::text as day from balance where erased_on is not null and account_id like 'psn_cn_%'`,
    );
    expect(days.map(({ day }) => day)).toContain(at.toISOString().slice(0, 10));
  });

  test('of an account that never paid keeps nothing', async () => {
    const accountId = billing.newAccount();
    const sagaId = billing.newId('sag');
    await fence(accountId, sagaId);
    expect((await erase(accountId, sagaId)).data).toMatchObject({ erased: { charges: 0, holds: 0 }, retained: [] });
  });

  test('waits for no open hold: what expires later is charged by its last report', async () => {
    const accountId = await funded();
    const { requestId } = await hold(accountId);
    await billing.from('gateway', 'POST', `/internal/v1/holds/${requestId}/extend`, {
      soFar: { promptTokens: 1000, cachedTokens: 0, completionTokens: 10 },
      completionWindow: 100,
    });
    const sagaId = billing.newId('sag');
    await fence(accountId, sagaId);
    await erase(accountId, sagaId);
    billing.moveClock(11 * 60_000);
    await waitFor(async () => {
      const [row] = await billing.rows<{ state: string; charged: string }>(
        'select state, charged::text as charged from hold where request_id = $1',
        [requestId],
      );
      return row?.state === 'expired' && row.charged === '1020000';
    });
    expect(await unproven()).toBe('0');
  });
});

test('the standing shown before a cancellation is the balance', async () => {
  const accountId = await funded();
  const { answer } = await hold(accountId);
  const standing = await billing.from('identity', 'GET', `/internal/v1/accounts/${accountId}/standing`);
  expect(standing.body).toEqual({
    currency: 'CNY',
    available: (BigInt(orders.amount) - BigInt(answer.body.held as unknown as string)).toString(),
    held: answer.body.held,
  });
});
