// What the public endpoints show of usage, over HTTP.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { ordersOf } from './support/orders.ts';
import { startTestBilling, type TestBilling } from './support/test-billing.ts';

let billing: TestBilling;
let accountId: string;
const requests: string[] = [];
const dayMs = 86_400_000;

beforeAll(async () => {
  billing = await startTestBilling('cn');
  // To noon of the next day: all charges are of one.
  billing.moveClock(dayMs - (Date.now() % dayMs) + dayMs / 2);
  const orders = ordersOf(billing, { part: 'wechat-pay', channel: 'wechat_pay', currency: 'CNY' });
  accountId = billing.newAccount();
  billing.neighbours.verified.set(accountId, 'enterprise');
  const { orderId, orderNo } = await orders.payable(accountId);
  await orders.pay(orderNo);
  await orders.becomes(accountId, orderId, 'paid');
  for (const [model, completionTokens] of [
    ['meridian-v2.5', 10],
    ['meridian-v2.5', 20],
    ['meridian-v2.5-pro', 30],
  ] as const) {
    const requestId = billing.newId('req');
    requests.unshift(requestId);
    await billing.from('gateway', 'POST', '/internal/v1/holds', {
      requestId,
      accountId,
      keyId: billing.newId('key'),
      model,
      promptTokensBound: 100,
      completionWindow: 100,
    });
    const settled = await billing.from('gateway', 'POST', `/internal/v1/holds/${requestId}/settle`, {
      usage: { promptTokens: 100, cachedTokens: 50, completionTokens },
      outcome: 'completed',
    });
    expect(settled.status).toBe(200);
  }
}, 60_000);
afterAll(() => billing.stop());

test('charges are listed newest first, page by page', async () => {
  const first = (await billing.as(accountId, 'GET', '/v1/billing/charges?limit=2')).body as unknown as {
    items: { requestId: string }[];
    next: string;
  };
  const second = (await billing.as(accountId, 'GET', `/v1/billing/charges?limit=2&cursor=${first.next}`))
    .body as unknown as typeof first;
  expect([...first.items, ...second.items].map((item) => item.requestId)).toEqual(requests);
  expect(second.next).toBeNull();
  expect(first.items[1]).toMatchObject({
    model: 'meridian-v2.5',
    usage: { promptTokens: 100, cachedTokens: 50, completionTokens: 20 },
    // (50 x 1.00 + 50 x 0.02 + 20 x 2.00) yuan per million
    amount: '91000',
    currency: 'CNY',
    priceVersion: 1,
    outcome: 'completed',
  });
});

test('usage is summed by UTC day and model', async () => {
  const day = billing.now().toISOString().slice(0, 10);
  const usage = await billing.as(accountId, 'GET', '/v1/billing/usage');
  expect(usage.body.items).toEqual([
    {
      day,
      model: 'meridian-v2.5',
      calls: 2,
      usage: { promptTokens: 200, cachedTokens: 100, completionTokens: 30 },
      amount: '162000',
      currency: 'CNY',
    },
    {
      day,
      model: 'meridian-v2.5-pro',
      calls: 1,
      usage: { promptTokens: 100, cachedTokens: 50, completionTokens: 30 },
      amount: '331250',
      currency: 'CNY',
    },
  ]);
  expect((await billing.as(accountId, 'GET', '/v1/billing/usage?to=2020-01-01')).body.items).toEqual([]);
  for (const span of ['from=2026-02-01&to=2026-01-01', 'from=2020-01-01&to=2026-01-01'])
    expect((await billing.as(accountId, 'GET', `/v1/billing/usage?${span}`)).status).toBe(400);
});

test('prices are public', async () => {
  const prices = (await (await fetch(`${billing.api}/v1/billing/prices`)).json()) as {
    currency: string;
    items: { model: string; version: number }[];
  };
  expect(prices.currency).toBe('CNY');
  expect(prices.items.map((item) => [item.model, item.version])).toEqual([
    ['meridian-v2.5', 1],
    ['meridian-v2.5-pro', 1],
  ]);
});

test('cached tokens are a part of the prompt, or the figures are refused', async () => {
  const answer = await billing.from('gateway', 'POST', `/internal/v1/holds/${billing.newId('req')}/settle`, {
    usage: { promptTokens: 1, cachedTokens: 2, completionTokens: 1 },
    outcome: 'completed',
  });
  expect([answer.status, answer.body.code]).toEqual([400, 'invalid_input']);
});

test('a hold that a crash left behind is swept after its deadline', async () => {
  const requestId = billing.newId('req');
  const before = (await billing.as(accountId, 'GET', '/v1/billing/balance')).body;
  await billing.from('gateway', 'POST', '/internal/v1/holds', {
    requestId,
    accountId,
    keyId: billing.newId('key'),
    model: 'meridian-v2.5',
    promptTokensBound: 100,
    completionWindow: 100,
  });
  expect((await billing.as(accountId, 'GET', '/v1/billing/balance')).body.held).toBe('300000');
  billing.moveClock(10 * 60_000);
  await waitFor(async () => (await billing.as(accountId, 'GET', '/v1/billing/balance')).body.held === '0');
  expect((await billing.as(accountId, 'GET', '/v1/billing/balance')).body).toEqual(before);
  expect(await billing.metric('billing_unproven_balances')).toBe(0);
});
