// Messages of a channel that fit nothing, contradict what is booked, or come in the wrong order.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { ordersOf } from './support/orders.ts';
import { startTestBilling, type TestBilling } from './support/test-billing.ts';

const channels = [
  { region: 'cn', part: 'wechat-pay', channel: 'wechat_pay', currency: 'CNY', half: { amount: 250 } },
  { region: 'global', part: 'waffo', channel: 'waffo', currency: 'USD', half: { amount: '2.50', source: 'RDR' } },
] as const;
const credited = [
  { kind: 'credit', account: 'clearing', amount: '-5000000000' },
  { kind: 'credit', account: 'user_cash', amount: '5000000000' },
];

describe.each(channels)('$channel', ({ region, part, channel, currency, half }) => {
  let billing: TestBilling;
  let orders: ReturnType<typeof ordersOf>;
  beforeAll(async () => {
    billing = await startTestBilling(region);
    orders = ordersOf(billing, { part, channel, currency });
  }, 60_000);
  afterEach(() => billing.control('DELETE', part));
  afterAll(() => billing.stop());

  const payable = async () => {
    const accountId = billing.newAccount();
    billing.neighbours.verified.set(accountId, 'personal');
    billing.neighbours.emails.set(accountId, `${accountId.slice(-8).toLowerCase()}@person.example`);
    return { accountId, ...(await orders.payable(accountId)) };
  };
  const paid = async () => {
    const made = await payable();
    await orders.pay(made.orderNo);
    await orders.becomes(made.accountId, made.orderId, 'paid');
    return made;
  };
  const refund = (orderNo: string) => billing.control('POST', `${part}/orders/${orderNo}/refund`, half);
  const messages = (orderNo: string) =>
    billing.rows<{ kind: string; outcome: string; reason: string | null; bytes: number }>(
      'select kind, outcome, reason, length(body) as bytes from channel_event where order_no = $1 order by received_at',
      [orderNo],
    );
  const mismatches = (reason: string) =>
    billing.metric('billing_channel_mismatches_total', `{channel="${channel}",reason="${reason}"}`);

  test('a signed payment of an order that nobody made is refused, alarmed and kept for a while', async () => {
    const { orderNo } = await payable();
    const before = await mismatches('unknown_order');
    expect((await orders.forge(orderNo, 'unknown_order')).body.status).toBe(401);
    expect(await mismatches('unknown_order')).toBe(before + 1);
    const [event] = await billing.rows<{ outcome: string; reason: string; days: number }>(
      `select outcome, reason, round(extract(epoch from keep_body_until - received_at) / 86400)::int as days
       from channel_event e where not exists (select from recharge_order o where o.channel_order_no = e.order_no)`,
    );
    expect(event).toEqual({ outcome: 'refused', reason: 'unknown_order', days: 90 });
    expect(await billing.rows("select 1 from ledger_transaction where source_type = 'recharge'")).toEqual([]);
  });

  test("an order that the channel calls another merchant's when asked is told as an alarm and credits nothing", async () => {
    const { accountId, orderId, orderNo } = await payable();
    const before = await mismatches('merchant');
    await orders.faults({ notify: { drop: true }, otherMerchant: { times: 20 } });
    await orders.pay(orderNo);
    await orders.pollNow();
    await waitFor(async () => (await mismatches('merchant')) > before);
    expect(await orders.postings(orderId)).toEqual([]);
    await billing.control('DELETE', part);
    await orders.pollNow();
    await orders.becomes(accountId, orderId, 'paid');
  });

  test('a second payment of a paid order is refused and alarmed; the first stays as it was booked', async () => {
    const { accountId, orderId, orderNo } = await paid();
    const before = await mismatches('second_payment');
    for (let i = 0; i < 2; i += 1) expect((await orders.forge(orderNo, 'second_payment')).body.status).toBe(401);
    expect(await mismatches('second_payment')).toBe(before + 2);
    expect(await orders.postings(orderId)).toEqual(credited);
    expect(await orders.available(accountId)).toBe(orders.amount);
    const refused = (await messages(orderNo)).filter(({ outcome }) => outcome === 'refused');
    expect(new Set(refused.map(({ reason }) => reason))).toEqual(new Set(['second_payment']));
    // The genuine one is still known when it comes again.
    await orders.resend(orderNo);
    expect((await messages(orderNo)).map(({ outcome }) => outcome)).toContain('credited');
    expect(await orders.postings(orderId)).toEqual(credited);
  });

  test('a refund is noted by the order it gives back, alarmed, and books nothing', async () => {
    const { accountId, orderId, orderNo } = await paid();
    const before = await mismatches('refund');
    expect((await refund(orderNo)).status).toBe(200);
    const noted = await waitFor(async () => (await messages(orderNo)).find(({ kind }) => kind.startsWith('REFUND')));
    expect(noted).toMatchObject({ outcome: 'noted', reason: null });
    expect(await mismatches('refund')).toBe(before + 1);
    expect(await orders.postings(orderId)).toEqual(credited);
    expect(await orders.available(accountId)).toBe(orders.amount);
    for (const delivery of await orders.deliveries(orderNo))
      for (const attempt of delivery.attempts) expect(attempt.accepted).toBe(true);
  });

  test('a refund that comes before the payment it gives back: the payment is credited once all the same', async () => {
    const { accountId, orderId, orderNo } = await payable();
    await orders.faults({ notify: { reorder: true } });
    await orders.pay(orderNo);
    await refund(orderNo);
    await orders.becomes(accountId, orderId, 'paid');
    await waitFor(async () => (await messages(orderNo)).length === 2);
    expect((await messages(orderNo)).map(({ kind, outcome }) => [kind.split(/[._]/)[0], outcome])).toEqual([
      ['REFUND', 'noted'],
      [channel === 'waffo' ? 'PAYMENT' : 'TRANSACTION', 'credited'],
    ]);
    await orders.resend(orderNo);
    expect(await orders.postings(orderId)).toEqual(credited);
    expect(await orders.available(accountId)).toBe(orders.amount);
  });
});

describe('of one channel alone', () => {
  test('WeChat Pay: a right signature over a resource that cannot be decrypted is refused and leaves nothing', async () => {
    const billing = await startTestBilling('cn');
    try {
      const orders = ordersOf(billing, { part: 'wechat-pay', channel: 'wechat_pay', currency: 'CNY' });
      const accountId = billing.newAccount();
      billing.neighbours.verified.set(accountId, 'personal');
      const { orderId, orderNo } = await orders.payable(accountId);
      const { body } = await orders.forge(orderNo, 'undecryptable');
      expect(body.status).toBe(401);
      expect(String(body.body)).toContain('"code":"notification_refused"');
      expect(
        await billing.metric('billing_channel_notifications_total', '{channel="wechat_pay",outcome="unreadable"}'),
      ).toBe(1);
      expect(await billing.rows('select 1 from channel_event')).toEqual([]);
      expect(await orders.status(accountId, orderId)).toBe('paying');
    } finally {
      await billing.stop();
    }
  });

  test('Waffo: "in progress" and "closed" that come after the payment change nothing', async () => {
    const billing = await startTestBilling('global');
    try {
      const orders = ordersOf(billing, { part: 'waffo', channel: 'waffo', currency: 'USD' });
      const accountId = billing.newAccount();
      billing.neighbours.emails.set(accountId, 'payer@person.example');
      const { orderId, orderNo } = await orders.payable(accountId);
      await orders.pay(orderNo);
      await orders.becomes(accountId, orderId, 'paid');
      for (const kind of ['in_progress', 'closed'])
        expect((await orders.forge(orderNo, kind)).body).toMatchObject({ status: 200, acknowledged: true });
      expect(await orders.status(accountId, orderId)).toBe('paid');
      expect(await orders.postings(orderId)).toEqual(credited);
      expect(await orders.available(accountId)).toBe(orders.amount);
    } finally {
      await billing.stop();
    }
  });
});
