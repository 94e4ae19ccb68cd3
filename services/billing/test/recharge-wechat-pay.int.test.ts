import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { verificationApproved, verificationUpgraded } from '@meridian/contracts/events/verification.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { openPayload } from '../src/recharge/payload-seal.ts';
import { startBilling } from '../src/service.ts';
import { ordersOf } from './support/orders.ts';
import { startTestBilling, type TestBilling } from './support/test-billing.ts';

let billing: TestBilling;
let orders: ReturnType<typeof ordersOf>;
beforeAll(async () => {
  billing = await startTestBilling('cn');
  orders = ordersOf(billing, { part: 'wechat-pay', channel: 'wechat_pay', currency: 'CNY' });
}, 60_000);
afterEach(() => {
  billing.neighbours.state.down = false;
  billing.neighbours.state.restrictedUntil = null;
  return billing.control('DELETE', 'wechat-pay');
});
afterAll(() => billing.stop());

const verifiedAccount = () => {
  const accountId = billing.newAccount();
  billing.neighbours.verified.set(accountId, 'personal');
  return accountId;
};
const credited = [
  { kind: 'credit', account: 'clearing', amount: '-5000000000' },
  { kind: 'credit', account: 'user_cash', amount: '5000000000' },
];

describe('a recharge', () => {
  test('is ordered, shown as a QR code, paid, credited and published', async () => {
    const accountId = verifiedAccount();
    const events = await billing.published();
    const made = await orders.recharge(accountId);
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      status: 'paying',
      channel: 'wechat_pay',
      amount: orders.amount,
      currency: 'CNY',
      payment: { kind: 'qr_code', codeUrl: expect.stringContaining('weixin://') },
      paidAt: null,
    });
    await orders.pay(await orders.orderNoOf(made.body.orderId));
    await orders.becomes(accountId, made.body.orderId, 'paid');
    expect(await orders.available(accountId)).toBe(orders.amount);
    expect(await orders.postings(made.body.orderId)).toEqual(credited);
    const seen = await waitFor(async () => (events(accountId).length === 2 ? events(accountId) : undefined));
    expect(seen.map((event) => event.type)).toEqual(['balance-restored.v1', 'recharge-credited.v1']);
    expect(seen[1]?.data).toEqual({ orderId: made.body.orderId, amount: orders.amount, currency: 'CNY' });
    const paid = await billing.as(accountId, 'GET', `/v1/billing/recharges/${made.body.orderId}`);
    expect(paid.body).toMatchObject({ status: 'paid', payment: null, paidAt: expect.any(String) });
  });

  test('is refused to an account that was just recovered, with the time from which it is possible again', async () => {
    const accountId = verifiedAccount();
    const until = new Date(Date.now() + 3_600_000).toISOString();
    billing.neighbours.state.restrictedUntil = until;
    const refused = await orders.recharge(accountId);
    expect(refused.status).toBe(403);
    expect(refused.body).toMatchObject({ code: 'account_restricted', until });
    expect((await billing.as(accountId, 'GET', '/v1/billing/recharges')).body).toMatchObject({ items: [] });
    billing.neighbours.state.restrictedUntil = null;
    expect((await orders.recharge(accountId)).status).toBe(201);
  });

  test('is listed newest first, page by page, to its owner only', async () => {
    const accountId = verifiedAccount();
    const ids: unknown[] = [];
    for (let i = 0; i < 3; i += 1) ids.unshift((await orders.recharge(accountId)).body.orderId);
    const page = async (cursor = '') =>
      (await billing.as(accountId, 'GET', `/v1/billing/recharges?limit=2${cursor}`)).body as unknown as {
        items: { orderId: string }[];
        next: string | null;
      };
    const first = await page();
    const second = await page(`&cursor=${first.next}`);
    expect([...first.items, ...second.items].map((item) => item.orderId)).toEqual(ids);
    expect(second.next).toBeNull();
    expect((await billing.as(verifiedAccount(), 'GET', `/v1/billing/recharges/${ids[0]}`)).status).toBe(404);
  });

  test.each([
    [{ amount: '999990000000000' }, 422, 'amount_out_of_range'],
    [{ amount: '990000000' }, 422, 'amount_out_of_range'],
    [{ amount: '1000000001' }, 422, 'amount_out_of_range'],
    [{ currency: 'USD' }, 400, 'invalid_input'],
    [{ channel: 'waffo' }, 422, 'channel_not_offered'],
    [{ channel: 'toString' }, 422, 'channel_not_offered'],
  ])('with %j is refused', async (change, status, code) => {
    const answer = await orders.recharge(verifiedAccount(), change);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  test('sent again with the same key is the same order; with another body it is refused', async () => {
    const accountId = verifiedAccount();
    const key = randomUUID();
    const [first, again] = [await orders.recharge(accountId, {}, key), await orders.recharge(accountId, {}, key)];
    expect(again.body).toEqual(first.body);
    expect((await orders.recharge(accountId, { amount: '6000000000' }, key)).body.code).toBe('idempotency_key_reused');
    // After the key was forgotten, the order still knows it.
    await billing.rows('delete from idempotency_key');
    expect((await orders.recharge(accountId, {}, key)).body.orderId).toBe(first.body.orderId);
    expect((await orders.recharge(accountId, { amount: '6000000000' }, key)).body.code).toBe('idempotency_key_reused');
  });

  test('whose answer from the channel was lost is unknown: nothing fails, and a retry continues the same order', async () => {
    const accountId = verifiedAccount();
    const key = randomUUID();
    await orders.faults({ loseAnswer: { times: 1 } });
    const lost = await orders.recharge(accountId, {}, key);
    expect([lost.status, lost.body.code, lost.headers.get('retry-after')]).toEqual([503, 'channel_unavailable', '5']);
    const rows = await billing.rows<{ id: string; status: string }>(
      'select id, status from recharge_order where account_id = $1',
      [accountId],
    );
    expect(rows).toEqual([{ id: expect.any(String), status: 'created' }]);
    const retried = await orders.recharge(accountId, {}, key);
    expect([retried.status, retried.body.orderId]).toEqual([201, rows[0]?.id]);
    const orderNo = await orders.orderNoOf(retried.body.orderId);
    const made = (await orders.requestsAbout(orderNo)).filter((r) => r.route.endsWith('/native'));
    expect(made.map((r) => r.outcome).sort()).toEqual(['answer_lost', 'answered']);
  });

  test('whose answer was lost and that is paid all the same is found by asking', async () => {
    const accountId = verifiedAccount();
    await orders.faults({ loseAnswer: { times: 1 }, notify: { drop: true } });
    await orders.recharge(accountId);
    const [order] = await billing.rows<{ id: string; no: string }>(
      'select id, channel_order_no as no from recharge_order where account_id = $1',
      [accountId],
    );
    await orders.pay(order?.no ?? '');
    await orders.pollNow();
    await orders.becomes(accountId, order?.id, 'paid');
    expect(await orders.available(accountId)).toBe(orders.amount);
  });

  test.each(['wrong', 'absent'])('is not believed when the answer is signed %sly', async (kind) => {
    await orders.faults({ answerSignature: { kind, times: 1 } });
    expect((await orders.recharge(verifiedAccount())).body.code).toBe('channel_unavailable');
  });
});

describe('a notification', () => {
  test('is believed with either key while a merchant migrates', async () => {
    for (const signWith of ['public_key', 'certificate']) {
      const accountId = verifiedAccount();
      await orders.faults({ signWith });
      const { orderId, orderNo } = await orders.payable(accountId);
      await orders.pay(orderNo);
      await orders.becomes(accountId, orderId, 'paid');
    }
  });

  test.each([
    'wrong_key',
    'unknown_serial',
    'probe',
    'other_merchant',
    'wrong_amount',
    'wrong_currency',
    'stale_timestamp',
  ])('that is forged (%s) is refused with 401 and credits nothing', async (kind) => {
    const accountId = verifiedAccount();
    const { orderId, orderNo } = await orders.payable(accountId);
    expect((await orders.forge(orderNo, kind)).body).toMatchObject({ status: 401 });
    expect(await orders.status(accountId, orderId)).toBe('paying');
    expect(await orders.postings(orderId)).toEqual([]);
    expect(await orders.available(accountId)).toBe('0');
  });

  test('that comes several times at once and again later credits once', async () => {
    const accountId = verifiedAccount();
    await orders.faults({ notify: { hold: true } });
    const { orderId, orderNo } = await orders.payable(accountId);
    await orders.pay(orderNo);
    await Promise.all(Array.from({ length: 6 }, () => orders.resend(orderNo)));
    await orders.faults({});
    await orders.becomes(accountId, orderId, 'paid');
    await orders.resend(orderNo);
    expect(await orders.postings(orderId)).toEqual(credited);
    expect(await orders.available(accountId)).toBe(orders.amount);
    const events = await billing.rows<{ outcome: string; times: number }>(
      'select outcome, times from channel_event where order_no = $1',
      [orderNo],
    );
    expect(events).toEqual([{ outcome: 'credited', times: expect.any(Number) }]);
    expect(events[0]?.times).toBeGreaterThanOrEqual(7);
    for (const delivery of await orders.deliveries(orderNo))
      for (const attempt of delivery.attempts) expect(attempt).toMatchObject({ accepted: true, status: 204 });
  });

  test('and the poller at the same time credit once', async () => {
    const accountId = verifiedAccount();
    const { orderId, orderNo } = await orders.payable(accountId);
    await Promise.all([orders.pay(orderNo), orders.pollNow(), orders.pollNow()]);
    await orders.becomes(accountId, orderId, 'paid');
    await orders.resend(orderNo);
    expect(await orders.postings(orderId)).toEqual(credited);
  });

  test('of its own about a payment that is credited already is taken and changes nothing', async () => {
    const accountId = verifiedAccount();
    const { orderId, orderNo } = await orders.payable(accountId);
    await orders.pay(orderNo);
    await orders.becomes(accountId, orderId, 'paid');
    // As if the channel had given its second message another id.
    await billing.rows('delete from channel_event where order_no = $1', [orderNo]);
    await orders.resend(orderNo);
    expect((await orders.deliveries(orderNo)).flatMap((d) => d.attempts.map((a) => a.status))).toEqual([204, 204]);
    expect(await billing.rows('select outcome from channel_event where order_no = $1', [orderNo])).toEqual([
      { outcome: 'repeated' },
    ]);
    expect(await orders.postings(orderId)).toEqual(credited);
  });

  test('is kept as evidence, unreadable without the key', async () => {
    const accountId = verifiedAccount();
    const { orderId, orderNo } = await orders.payable(accountId);
    await orders.pay(orderNo);
    await orders.becomes(accountId, orderId, 'paid');
    const [event] = await billing.rows<{ id: string; body: Buffer }>(
      'select event_id as id, body from channel_event where order_no = $1',
      [orderNo],
    );
    if (event === undefined) throw new Error('no event was kept');
    expect(event.body.includes('ciphertext')).toBe(false);
    const opened = openPayload(Buffer.alloc(32, 7), `wechat_pay ${event.id}`, event.body);
    expect(JSON.parse(opened.toString())).toMatchObject({ id: event.id, event_type: 'TRANSACTION.SUCCESS' });
  });

  test('that a signed statement fits no order is told as an alarm', async () => {
    const before = await billing.metric('billing_channel_mismatches_total', '{channel="wechat_pay",reason="amount"}');
    const { orderNo } = await orders.payable(verifiedAccount());
    await orders.forge(orderNo, 'wrong_amount');
    expect(await billing.metric('billing_channel_mismatches_total', '{channel="wechat_pay",reason="amount"}')).toBe(
      before + 1,
    );
  });

  test('for a channel this region does not take is refused', async () => {
    const answer = await fetch(`${billing.api}/v1/payments/notifications/waffo`, { method: 'POST', body: '{}' });
    expect(answer.status).toBe(404);
  });
});

describe('an order that expires', () => {
  const past = 31 * 60_000;

  test('is closed at the channel first, and then here', async () => {
    const accountId = verifiedAccount();
    const { orderId, orderNo } = await orders.payable(accountId);
    billing.moveClock(past);
    await orders.becomes(accountId, orderId, 'closed');
    const closing = (await orders.requestsAbout(orderNo)).filter((r) => r.route.endsWith('/close'));
    expect(closing.map((r) => r.status)).toEqual([204]);
  });

  test('but was paid is credited, though its notification was lost', async () => {
    const accountId = verifiedAccount();
    await orders.faults({ notify: { drop: true } });
    const { orderId, orderNo } = await orders.payable(accountId);
    await orders.pay(orderNo);
    billing.moveClock(past);
    await orders.becomes(accountId, orderId, 'paid');
    expect(await orders.postings(orderId)).toEqual(credited);
  });

  test('but was paid and refunded in part is credited once, and told as an alarm', async () => {
    const labels = '{channel="wechat_pay",reason="refund"}';
    const before = await billing.metric('billing_channel_mismatches_total', labels);
    const accountId = verifiedAccount();
    await orders.faults({ notify: { drop: true } });
    const { orderId, orderNo } = await orders.payable(accountId);
    await orders.pay(orderNo);
    await billing.control('POST', `wechat-pay/orders/${orderNo}/refund`, { amount: 100 });
    billing.moveClock(past);
    await orders.becomes(accountId, orderId, 'paid');
    expect(await orders.postings(orderId)).toEqual(credited);
    expect(await billing.metric('billing_channel_mismatches_total', labels)).toBe(before + 1);
    const rows = await billing.rows('select next_query_at from recharge_order where id = $1', [orderId]);
    expect(rows).toEqual([{ next_query_at: null }]);
  });

  test('and was paid after it was closed here is credited once', async () => {
    const accountId = verifiedAccount();
    const { orderId, orderNo } = await orders.payable(accountId);
    await billing.rows(
      `update recharge_order set status = 'closed', closed_at = now(), next_query_at = null where id = $1`,
      [orderId],
    );
    await orders.pay(orderNo);
    await orders.becomes(accountId, orderId, 'paid');
    await orders.resend(orderNo);
    expect(await orders.postings(orderId)).toEqual(credited);
  });

  test('stays open while the channel does not answer', async () => {
    const accountId = verifiedAccount();
    const { orderId } = await orders.payable(accountId);
    await orders.faults({ fail: { status: 500 } });
    billing.moveClock(past);
    await waitFor(async () => {
      const [row] = await billing.rows<{ queries: number }>('select queries from recharge_order where id = $1', [
        orderId,
      ]);
      return (row?.queries ?? 0) > 0;
    });
    expect(await orders.status(accountId, orderId)).toBe('paying');
    await orders.faults({});
    await orders.pollNow();
    await orders.becomes(accountId, orderId, 'closed');
  });
});

describe('the real-name gate', () => {
  test('refuses who is not verified', async () => {
    const answer = await orders.recharge(billing.newAccount());
    expect([answer.status, answer.body.code]).toEqual([403, 'real_name_required']);
  });

  test('passes who was verified a moment ago, though the event has not come yet, and asks only once', async () => {
    const accountId = verifiedAccount();
    expect((await orders.recharge(accountId)).status).toBe(201);
    billing.neighbours.state.down = true;
    expect((await orders.recharge(accountId)).status).toBe(201);
  });

  test('passes by the event alone, and an upgrade is never taken back', async () => {
    const accountId = billing.newAccount();
    billing.neighbours.state.down = true;
    await billing.publish('verification', verificationApproved, accountId, { kind: 'personal' });
    await billing.publish('verification', verificationUpgraded, accountId, { kind: 'enterprise' });
    await billing.publish('verification', verificationApproved, accountId, { kind: 'personal' });
    await waitFor(async () => (await orders.recharge(accountId)).status === 201);
    await waitFor(async () => {
      const rows = await billing.rows<{ kind: string }>('select kind from verified_account where account_id = $1', [
        accountId,
      ]);
      return rows[0]?.kind === 'enterprise';
    });
  });

  test('fails closed when verification cannot be asked', async () => {
    billing.neighbours.state.down = true;
    const answer = await orders.recharge(billing.newAccount());
    expect([answer.status, answer.body.code]).toEqual([503, 'unavailable']);
    expect(answer.headers.get('retry-after')).not.toBeNull();
  });
});

test("another region's account, order and request are refused by name, from the id alone", async () => {
  const foreign = `acc_elsewhere_${'0'.repeat(26)}`;
  const standing = await billing.from('identity', 'GET', `/internal/v1/accounts/${foreign}/standing`);
  expect(standing.status).toBe(421);
  expect(standing.body).toMatchObject({
    code: 'region_mismatch',
    region: 'elsewhere',
    address: 'https://api.elsewhere.example',
  });
  const order = await billing.as(billing.newAccount(), 'GET', `/v1/billing/recharges/ord_elsewhere_${'0'.repeat(26)}`);
  expect(order.status).toBe(421);
  const settled = await billing.from('gateway', 'POST', `/internal/v1/holds/req_elsewhere_${'0'.repeat(26)}/settle`, {
    usage: { promptTokens: 1, cachedTokens: 0, completionTokens: 1 },
    outcome: 'completed',
  });
  expect(settled.status).toBe(421);
});

test("billing does not start without the secrets of its profile's channels, and names them", async () => {
  const { WECHAT_PAY_PRIVATE_KEY: _, WECHAT_PAY_API_V3_KEY: __, ...lacking } = billing.env;
  await expect(startBilling(lacking)).rejects.toThrow(
    /WECHAT_PAY_PRIVATE_KEY is missing[\s\S]*WECHAT_PAY_API_V3_KEY is missing/,
  );
  await expect(startBilling({ ...billing.env, WECHAT_PAY_API_V3_KEY: 'x'.repeat(31) })).rejects.toThrow(
    'must be 32 bytes',
  );
  await expect(startBilling({ ...billing.env, PAYLOAD_KEY: 'short' })).rejects.toThrow('PAYLOAD_KEY');
});

test('an order outlives a restart', async () => {
  const accountId = verifiedAccount();
  const { orderId, orderNo } = await orders.payable(accountId);
  await orders.faults({ notify: { drop: true } });
  await orders.pay(orderNo);
  await billing.restart();
  await orders.pollNow();
  await orders.becomes(accountId, orderId, 'paid');
});
