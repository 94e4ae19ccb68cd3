import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { ordersOf } from './support/orders.ts';
import { startTestBilling, type TestBilling } from './support/test-billing.ts';

let billing: TestBilling;
let orders: ReturnType<typeof ordersOf>;
beforeAll(async () => {
  billing = await startTestBilling('global');
  orders = ordersOf(billing, { part: 'waffo', channel: 'waffo', currency: 'USD' });
}, 60_000);
afterEach(() => {
  billing.neighbours.state.down = false;
  return billing.control('DELETE', 'waffo');
});
afterAll(() => billing.stop());

const accountWithEmail = () => {
  const accountId = billing.newAccount();
  billing.neighbours.emails.set(accountId, `${randomUUID().slice(0, 8)}@person.example`);
  return accountId;
};
const credited = [
  { kind: 'credit', account: 'clearing', amount: '-5000000000' },
  { kind: 'credit', account: 'user_cash', amount: '5000000000' },
];

/** What was noted of an order without an effect, in the channel's words. */
const noted = async (orderNo: string) =>
  (
    await billing.rows<{ kind: string }>(
      `select kind from channel_event where order_no = $1 and outcome = 'noted' order by received_at`,
      [orderNo],
    )
  ).map(({ kind }) => kind);

test('needs no real-name verification; is paid at the page of the channel and credited once', async () => {
  const accountId = accountWithEmail();
  const made = await orders.recharge(accountId);
  expect(made.status).toBe(201);
  expect(made.body.payment).toEqual({ kind: 'redirect', url: expect.stringContaining('/waffo/pay/') });
  const orderNo = await orders.orderNoOf(made.body.orderId);
  await orders.faults({ notify: { duplicate: 3 } });
  await orders.pay(orderNo);
  await orders.becomes(accountId, made.body.orderId, 'paid');
  await orders.resend(orderNo);
  expect(await orders.postings(made.body.orderId)).toEqual(credited);
  // The acknowledgement is signed, or the sandbox would not have taken it.
  for (const delivery of await orders.deliveries(orderNo))
    for (const attempt of delivery.attempts) expect(attempt).toMatchObject({ accepted: true, status: 200 });
  expect(billing.neighbours.state.asked.some((path) => path.includes('/verifications/'))).toBe(false);
});

describe("the payer's address", () => {
  test('is demanded, never invented', async () => {
    const answer = await orders.recharge(billing.newAccount());
    expect([answer.status, answer.body.code]).toEqual([422, 'security_email_required']);
    expect(await billing.rows('select 1 from recharge_order where status = $1', ['created'])).toEqual([]);
  });
  test('cannot be asked for: unavailable', async () => {
    billing.neighbours.state.down = true;
    const answer = await orders.recharge(accountWithEmail());
    expect([answer.status, answer.body.code]).toEqual([503, 'unavailable']);
  });
  test('is not kept in the database', async () => {
    const accountId = accountWithEmail();
    await orders.payable(accountId);
    const email = billing.neighbours.emails.get(accountId);
    const rows = await billing.rows<{ text: string }>(
      'select o::text as text from recharge_order o where account_id = $1',
      [accountId],
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]?.text).not.toContain(email);
  });
});

describe('code E, "unknown"', () => {
  test.each([true, false])(
    'does not fail the order (processed there: %s); the same id is used again',
    async (processed) => {
      const accountId = accountWithEmail();
      const key = randomUUID();
      await orders.faults({ answer: { code: 'E0001', processed, times: 1 } });
      expect((await orders.recharge(accountId, {}, key)).body.code).toBe('channel_unavailable');
      const [order] = await billing.rows<{ id: string; status: string }>(
        'select id, status from recharge_order where account_id = $1',
        [accountId],
      );
      expect(order?.status).toBe('created');
      const again = await orders.recharge(accountId, {}, key);
      expect([again.status, again.body.orderId]).toEqual([201, order?.id]);
    },
  );

  test('an order changed at its retry is still the one made first', async () => {
    const accountId = accountWithEmail();
    const key = randomUUID();
    await orders.faults({ answer: { code: 'E0001', processed: true, times: 1 } });
    await orders.recharge(accountId, {}, key);
    // Another address: Waffo answers A0011, and the page of the order is asked for instead.
    billing.neighbours.emails.set(accountId, 'other@person.example');
    expect((await orders.recharge(accountId, {}, key)).body.payment).toMatchObject({ kind: 'redirect' });
  });

  test('when asked leaves the order open until it is known', async () => {
    const accountId = accountWithEmail();
    const { orderId, orderNo } = await orders.payable(accountId);
    await orders.faults({ notify: { drop: true }, answer: { code: 'E0001', times: 1 } });
    await orders.pay(orderNo);
    // The one answer of that kind is this order's: none of the others is asked about.
    await billing.rows('update recharge_order set next_query_at = null where id <> $1', [orderId]);
    await orders.pollNow();
    const queries = async () =>
      (await billing.rows<{ queries: number }>('select queries from recharge_order where id = $1', [orderId]))[0]
        ?.queries;
    await waitFor(async () => (await queries()) === 1);
    billing.moveClock(31_000);
    await orders.becomes(accountId, orderId, 'paid');
    expect(await queries()).toBe(2);
  });
});

describe('a webhook', () => {
  test.each([
    ['wrong_key', 401],
    ['unsigned', 401],
    ['other_merchant', 401],
    ['wrong_amount', 401],
    ['wrong_currency', 401],
  ])('that is forged (%s) is refused and credits nothing', async (kind, status) => {
    const accountId = accountWithEmail();
    const { orderId, orderNo } = await orders.payable(accountId);
    expect((await orders.forge(orderNo, kind)).body).toMatchObject({ status, acknowledged: false });
    expect(await orders.postings(orderId)).toEqual([]);
    expect(await orders.status(accountId, orderId)).toBe('paying');
  });

  test('of a payment that names no merchant credits nothing by itself: the channel is asked at once, and decides', async () => {
    const [unpaid, paid] = [accountWithEmail(), accountWithEmail()];
    const [claimed, done] = [await orders.payable(unpaid), await orders.payable(paid)];
    await orders.faults({ notify: { drop: true } });
    await orders.pay(done.orderNo);
    // Closed here by mistake: a payment is taken all the same.
    await billing.rows(
      `update recharge_order set status = 'closed', closed_at = now(), next_query_at = null where id = $1`,
      [done.orderId],
    );
    for (const { orderNo } of [claimed, done])
      expect((await orders.forge(orderNo, 'without_merchant')).body).toMatchObject({ status: 200, acknowledged: true });
    await orders.becomes(paid, done.orderId, 'paid');
    expect(await orders.postings(done.orderId)).toEqual(credited);
    const inquiries = async () =>
      (await orders.requestsAbout(claimed.orderNo)).filter(({ route }) => route.endsWith('/inquiry'));
    await waitFor(async () => (await inquiries()).length > 0);
    expect(await orders.postings(claimed.orderId)).toEqual([]);
    expect(await orders.status(unpaid, claimed.orderId)).toBe('paying');
  });

  test('that says "in progress" neither pays nor fails the order', async () => {
    const accountId = accountWithEmail();
    const { orderId, orderNo } = await orders.payable(accountId);
    expect((await orders.forge(orderNo, 'in_progress')).body).toMatchObject({ status: 200, acknowledged: true });
    expect(await noted(orderNo)).toEqual(['PAYMENT_NOTIFICATION:PAY_IN_PROGRESS']);
    expect(await orders.status(accountId, orderId)).toBe('paying');
    await orders.pay(orderNo);
    await orders.becomes(accountId, orderId, 'paid');
    // Nor afterwards, late.
    expect((await orders.forge(orderNo, 'in_progress')).body).toMatchObject({ status: 200, acknowledged: true });
    expect(await orders.status(accountId, orderId)).toBe('paid');
    expect(await orders.postings(orderId)).toEqual(credited);
  });

  test('that says "closed" closes nothing by itself; the channel is asked', async () => {
    const accountId = accountWithEmail();
    const { orderId, orderNo } = await orders.payable(accountId);
    expect((await orders.forge(orderNo, 'closed')).body).toMatchObject({ status: 200, acknowledged: true });
    expect(await noted(orderNo)).toEqual(['PAYMENT_NOTIFICATION:ORDER_CLOSE']);
    expect(await orders.status(accountId, orderId)).toBe('paying');
    await orders.faults({ notify: { drop: true } });
    await billing.control('POST', `waffo/orders/${orderNo}/pay`, { action: 'decline' });
    await orders.pollNow();
    await orders.becomes(accountId, orderId, 'closed');
    expect(await orders.postings(orderId)).toEqual([]);
  });
});

test.each(['wrong', 'absent'])('an answer signed %sly is not believed', async (kind) => {
  await orders.faults({ answerSignature: { kind, times: 1 } });
  expect((await orders.recharge(accountWithEmail())).body.code).toBe('channel_unavailable');
});

test('an expired order is cancelled there and closed here; a paid one is credited instead', async () => {
  const [unpaid, paid] = [accountWithEmail(), accountWithEmail()];
  const open = await orders.payable(unpaid);
  const done = await orders.payable(paid);
  await orders.faults({ notify: { drop: true } });
  await orders.pay(done.orderNo);
  billing.moveClock(31 * 60_000);
  await orders.becomes(unpaid, open.orderId, 'closed');
  await orders.becomes(paid, done.orderId, 'paid');
  expect(await orders.postings(done.orderId)).toEqual(credited);
});

test('an order that is too old to be cancelled there ends here as the order itself says', async () => {
  const [payer, other] = [accountWithEmail(), accountWithEmail()];
  const [bought, left] = [await orders.payable(payer), await orders.payable(other)];
  // Nobody is asked before the expiry, however slow the machine is.
  await billing.rows(`update recharge_order set next_query_at = expires_at + interval '1 second' where id = any($1)`, [
    [bought.orderId, left.orderId],
  ]);
  await orders.faults({ notify: { drop: true }, tooLateToCancel: {} });
  await orders.pay(bought.orderNo);
  billing.moveClock(31 * 60_000);
  await orders.becomes(payer, bought.orderId, 'paid');
  await orders.becomes(other, left.orderId, 'closed');
  for (const { orderNo } of [bought, left]) {
    const [newest, ...before] = (await orders.requestsAbout(orderNo)).map(({ route }) => route.split('/').at(-1));
    expect([newest, before.includes('cancel')]).toEqual(['inquiry', true]);
  }
  expect(await orders.postings(bought.orderId)).toEqual(credited);
});
