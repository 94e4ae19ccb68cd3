import { randomBytes, sign, verify } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startMerchant, startTestSandbox, type TestSandbox, waitFor } from './support/sandbox.ts';

let sandbox: TestSandbox;
let merchant: Awaited<ReturnType<typeof startMerchant>>;
type Answer = { status: number; headers?: Record<string, string>; body?: string };
let answerWith: (count: number) => Answer;
beforeAll(async () => {
  sandbox = await startTestSandbox();
});
afterAll(() => sandbox.stop());

const view = () => sandbox.of('global').waffo;
const rsa = (body: string, key = view().merchantPrivateKey) =>
  sign('sha256', Buffer.from(body), key).toString('base64');
const success = '{"message":"success"}';
const signedSuccess = (): Answer => ({
  status: 200,
  headers: { 'content-type': 'application/json', 'x-signature': rsa(success) },
  body: success,
});
beforeEach(async () => {
  await sandbox.json('DELETE', '/control');
  answerWith = signedSuccess;
  merchant = await startMerchant((_received, count) => answerWith(count));
});
afterEach(() => merchant.close());

type Options = { tamperedBody?: string; key?: string; headers?: Record<string, string> };
const call = async (path: string, content: object, { tamperedBody, key, headers }: Options = {}) => {
  const body = JSON.stringify(content);
  const answer = await fetch(view().baseUrl + path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-api-key': view().apiKey,
      'x-api-version': '1.0.0',
      'x-signature': rsa(body, key),
      ...headers,
    },
    body: tamperedBody ?? body,
  });
  const text = await answer.text();
  const answerValid = verify(
    'sha256',
    Buffer.from(text),
    view().waffoPublicKey,
    Buffer.from(answer.headers.get('x-signature') ?? '', 'base64'),
  );
  return { status: answer.status, body: JSON.parse(text), answerValid };
};
const newId = () => randomBytes(16).toString('hex');
const order = (changes: object = {}) => ({
  paymentRequestId: newId(),
  merchantOrderId: newId(),
  orderCurrency: 'USD',
  orderAmount: '20.00',
  orderDescription: 'Recharge',
  orderRequestedAt: sandbox.now().toISOString(),
  notifyUrl: merchant.url,
  successRedirectUrl: 'http://127.0.0.1:9999/paid',
  merchantInfo: { merchantId: view().merchantId },
  userInfo: { userId: 'u1', userEmail: 'u1@example.com', userTerminal: 'WEB' },
  goodsInfo: { goodsName: 'Balance', goodsUrl: 'https://example.com', appName: 'Meridian' },
  paymentInfo: { productName: 'ONE_TIME_PAYMENT' },
  ...changes,
});
const create = async (changes: object = {}) => {
  const placed = order(changes);
  const answer = await call('/api/v1/order/create', placed);
  return { ...placed, answer, data: answer.body.data, acquiringOrderId: answer.body.data?.acquiringOrderId as string };
};
const inquire = async (paymentRequestId: string) => (await call('/api/v1/order/inquiry', { paymentRequestId })).body;
const pay = (id: string, action = 'pay') => sandbox.json('POST', `/control/waffo/orders/${id}/pay`, { action });
const webhooks = async (count: number) => {
  await waitFor(() => merchant.received.length >= count);
  return merchant.received.map(({ headers, body }) => ({
    ...JSON.parse(body),
    valid: verify(
      'sha256',
      Buffer.from(body),
      view().waffoPublicKey,
      Buffer.from(String(headers['x-signature'] ?? ''), 'base64'),
    ),
  }));
};
const stateOf = async (id: string) =>
  (await sandbox.json('GET', `/control/waffo/notifications/${id}`)).body.deliveries[0]?.state;

describe('an order', () => {
  test('is created, paid at the checkout, announced and inquired', async () => {
    const placed = await create();
    expect(placed.answer).toMatchObject({
      status: 200,
      answerValid: true,
      body: { code: '0', data: { orderStatus: 'AUTHORIZATION_REQUIRED' } },
    });
    const { webUrl } = JSON.parse(placed.data.orderAction);
    expect(await (await fetch(webUrl)).text()).toContain('USD 20.00');
    const paid = await fetch(webUrl, { method: 'POST', body: new URLSearchParams({ action: 'pay' }) });
    const page = await paid.text();
    expect(page).toContain('Paid');
    expect(page).toContain('http://127.0.0.1:9999/paid');
    const [webhook] = await webhooks(1);
    expect(webhook).toMatchObject({
      valid: true,
      eventType: 'PAYMENT_NOTIFICATION',
      result: {
        paymentRequestId: placed.paymentRequestId,
        orderStatus: 'PAY_SUCCESS',
        orderAmount: '20.00',
        orderCurrency: 'USD',
      },
    });
    expect((await inquire(placed.paymentRequestId)).data).toMatchObject({
      orderStatus: 'PAY_SUCCESS',
      finalDealAmount: '20.00',
      merchantInfo: { merchantId: view().merchantId },
    });
    await waitFor(async () => (await stateOf(placed.paymentRequestId)) === 'delivered');
    expect(merchant.received).toHaveLength(1);
  });
  test('is created once per paymentRequestId; another meaning is A0011', async () => {
    const placed = await create();
    const again = await create({
      ...placed,
      answer: undefined,
      data: undefined,
      acquiringOrderId: undefined,
      orderRequestedAt: new Date(0).toISOString(),
    });
    expect(again.acquiringOrderId).toBe(placed.acquiringOrderId);
    expect((await create({ ...placed, orderAmount: '21.00' })).answer).toMatchObject({
      status: 400,
      answerValid: true,
      body: { code: 'A0011' },
    });
    expect((await create({ ...placed, userInfo: { ...placed.userInfo, userId: 'u2' } })).answer.body.code).toBe(
      'A0011',
    );
  });
  test('is cancelled unless it is paid', async () => {
    const cancel = (id: string) =>
      call('/api/v1/order/cancel', {
        paymentRequestId: id,
        merchantId: view().merchantId,
        orderRequestedAt: sandbox.now().toISOString(),
      });
    const [open, paid] = [await create(), await create()];
    expect((await cancel(open.paymentRequestId)).body.data.orderStatus).toBe('ORDER_CLOSE');
    expect((await pay(open.paymentRequestId)).status).toBe(409);
    await pay(paid.paymentRequestId);
    expect(await cancel(paid.paymentRequestId)).toMatchObject({ status: 400, body: { code: 'A0013' } });
  });
  test('closes when the payer is declined, and when its time is over', async () => {
    const declined = await create();
    await pay(declined.paymentRequestId, 'decline');
    const [webhook] = await webhooks(1);
    expect(webhook.result).toMatchObject({
      orderStatus: 'ORDER_CLOSE',
      orderFailedReason: expect.stringContaining('C0005'),
    });
    const late = await create({ orderExpiredAt: new Date(sandbox.now().getTime() + 60_000).toISOString() });
    sandbox.moveClock(61_000);
    expect((await inquire(late.paymentRequestId)).data.orderStatus).toBe('ORDER_CLOSE');
    expect((await create({ orderExpiredAt: new Date(0).toISOString() })).answer.body.code).toBe('A0034');
  });
  test.each([
    ['a long id', { paymentRequestId: 'x'.repeat(33) }, 'A0003'],
    ['three decimals', { orderAmount: '1.001' }, 'A0003'],
    ['nothing to pay', { orderAmount: '0.00' }, 'A0003'],
    ['no user', { userInfo: undefined }, 'A0003'],
    ['an expiry with an offset', { orderExpiredAt: '2099-01-01T08:00:00+08:00' }, 'A0003'],
    ['an expiry without a zone', { orderExpiredAt: '2099-01-01T00:00:00' }, 'A0003'],
    ['an expiry in microseconds', { orderExpiredAt: '2099-01-01T00:00:00.000000Z' }, 'A0003'],
    ['an address that is none', { userInfo: { userId: 'u1', userEmail: 'nobody', userTerminal: 'WEB' } }, 'A0003'],
    ['another currency', { orderCurrency: 'CNY' }, 'A0007'],
    ['another merchant', { merchantInfo: { merchantId: 'M1' } }, 'A0004'],
  ])('is refused with %s', async (_what, changes, code) => {
    expect((await create(changes)).answer.body.code).toBe(code);
  });
});

describe('the signature of a request', () => {
  test.each<[string, () => Options, string]>([
    ['another key', () => ({ key: sandbox.of('cn').waffo.merchantPrivateKey }), 'A0002'],
    ['a changed body', () => ({ tamperedBody: JSON.stringify(order({ orderAmount: '1.00' })) }), 'A0002'],
    ['no signature', () => ({ headers: { 'x-signature': '' } }), 'A0002'],
    ['an unknown API key', () => ({ headers: { 'x-api-key': 'x'.repeat(48) } }), 'A0001'],
    ["the other region's API key", () => ({ headers: { 'x-api-key': sandbox.of('cn').waffo.apiKey } }), 'A0002'],
  ])('with %s is refused', async (_what, options, code) => {
    expect(await call('/api/v1/order/create', order(), options())).toMatchObject({
      status: 401,
      answerValid: true,
      body: { code },
    });
  });
  test('needs the API version', async () => {
    expect((await call('/api/v1/order/create', order(), { headers: { 'x-api-version': '2.0.0' } })).body.code).toBe(
      'A0003',
    );
  });
});

describe('refunds', () => {
  const refund = (acquiringOrderId: string, changes: object = {}) =>
    call('/api/v1/order/refund', {
      refundRequestId: newId(),
      acquiringOrderId,
      merchantId: view().merchantId,
      requestedAt: sandbox.now().toISOString(),
      refundAmount: '5.50',
      refundReason: 'asked',
      refundNotifyUrl: merchant.url,
      ...changes,
    });
  const paid = async () => {
    const placed = await create();
    await pay(placed.paymentRequestId);
    await webhooks(1);
    return placed;
  };
  test('are accepted, complete later, and are announced', async () => {
    const { acquiringOrderId } = await paid();
    const accepted = await refund(acquiringOrderId);
    expect(accepted.body.data).toMatchObject({
      refundStatus: 'REFUND_IN_PROGRESS',
      remainingRefundAmount: '14.50',
      refundSource: 'MERCHANT',
    });
    const [, second] = await webhooks(2);
    expect(second).toMatchObject({
      valid: true,
      eventType: 'REFUND_NOTIFICATION',
      result: { refundStatus: 'ORDER_PARTIALLY_REFUNDED', refundAmount: '5.50' },
    });
    const rest = await refund(acquiringOrderId, { refundAmount: '14.50' });
    await webhooks(3);
    const inquiry = await call('/api/v1/refund/inquiry', { refundRequestId: rest.body.data.refundRequestId });
    expect(inquiry.body.data).toMatchObject({ refundStatus: 'ORDER_FULLY_REFUNDED', remainingRefundAmount: '0.00' });
    expect((await refund(acquiringOrderId, { refundAmount: '0.01' })).body.code).toBe('A0014');
  });
  test('are idempotent and need a paid order', async () => {
    const { acquiringOrderId } = await paid();
    const refundRequestId = newId();
    const first = await refund(acquiringOrderId, { refundRequestId });
    expect((await refund(acquiringOrderId, { refundRequestId })).body.data.acquiringRefundOrderId).toBe(
      first.body.data.acquiringRefundOrderId,
    );
    expect((await refund(acquiringOrderId, { refundRequestId, refundAmount: '6.00' })).body.code).toBe('A0011');
    expect((await refund((await create()).acquiringOrderId)).body.code).toBe('A0014');
    expect((await refund('A000')).body.code).toBe('A0009');
  });
  test('fail on request, and can be started by the channel', async () => {
    const { acquiringOrderId, paymentRequestId } = await paid();
    await sandbox.control('waffo', { refund: { outcome: 'ORDER_REFUND_FAILED' } });
    await refund(acquiringOrderId);
    expect((await webhooks(2))[1].result.refundStatus).toBe('ORDER_REFUND_FAILED');
    await sandbox.json('DELETE', '/control/waffo');
    expect(
      (
        await sandbox.json('POST', `/control/waffo/orders/${paymentRequestId}/refund`, {
          amount: '20.00',
          source: 'RDR',
        })
      ).status,
    ).toBe(200);
    expect((await webhooks(3))[2]).toMatchObject({
      eventType: 'REFUND_NOTIFICATION',
      result: { refundSource: 'RDR', refundStatus: 'ORDER_FULLY_REFUNDED' },
    });
  });
});

describe('webhooks', () => {
  test.each<[string, () => Answer]>([
    ['unsigned', () => ({ status: 200, body: success })],
    [
      "signed by another merchant's key",
      () => ({
        status: 200,
        headers: { 'x-signature': rsa(success, sandbox.of('cn').waffo.merchantPrivateKey) },
        body: success,
      }),
    ],
    [
      'not success',
      () => ({ status: 200, headers: { 'x-signature': rsa('{"message":"failed"}') }, body: '{"message":"failed"}' }),
    ],
  ])('are retried while the answer is %s', async (_what, bad) => {
    answerWith = (count) => (count === 1 ? bad() : signedSuccess());
    const placed = await create();
    await pay(placed.paymentRequestId);
    await webhooks(2);
    await waitFor(async () => (await stateOf(placed.paymentRequestId)) === 'delivered');
    expect(merchant.received).toHaveLength(2);
    expect(merchant.received[0]?.body).toBe(merchant.received[1]?.body);
  });
  test('are given up after eight tries', async () => {
    answerWith = () => ({ status: 500 });
    const placed = await create();
    await pay(placed.paymentRequestId);
    await waitFor(async () => (await stateOf(placed.paymentRequestId)) === 'given_up');
    expect(merchant.received).toHaveLength(8);
  });
  test('arrive in the other order, distorted, or held, and are resent, on request', async () => {
    await sandbox.control('waffo', { notify: { reorder: true, amountOffset: -1 } });
    const [first, second] = [await create(), await create()];
    await pay(first.paymentRequestId);
    await pay(second.paymentRequestId);
    const received = await webhooks(2);
    expect(received.map((w) => w.result.paymentRequestId)).toEqual([second.paymentRequestId, first.paymentRequestId]);
    expect(received[0].result.orderAmount).toBe('19.99');
    await sandbox.control('waffo', { notify: { hold: true } });
    const held = await create();
    await pay(held.paymentRequestId);
    expect(await stateOf(held.paymentRequestId)).toBe('held');
    expect((await sandbox.json('POST', `/control/waffo/notifications/${held.paymentRequestId}/resend`)).status).toBe(
      200,
    );
    expect((await webhooks(3))[2].result.paymentRequestId).toBe(held.paymentRequestId);
  });
  test('are forged on request', async () => {
    const placed = await create();
    const forge = async (kind: string) => {
      const { body } = await sandbox.json('POST', `/control/waffo/notifications/${placed.paymentRequestId}/forge`, {
        kind,
      });
      return { reply: body, webhook: (await webhooks(1)).at(-1) };
    };
    expect((await forge('wrong_key')).webhook.valid).toBe(false);
    expect((await forge('unsigned')).webhook.valid).toBe(false);
    expect((await forge('other_merchant')).webhook).toMatchObject({
      valid: true,
      result: { merchantInfo: { merchantId: 'M000000000000' } },
    });
    expect((await forge('wrong_amount')).webhook).toMatchObject({
      valid: true,
      result: { orderAmount: '21.00', orderStatus: 'PAY_SUCCESS' },
    });
    expect((await forge('wrong_currency')).webhook.result.orderCurrency).toBe('CNY');
    expect((await forge('replay')).reply).toMatchObject({ status: 200, acknowledged: true });
    expect((await inquire(placed.paymentRequestId)).data.orderStatus).toBe('AUTHORIZATION_REQUIRED');
  });
});

describe('misbehaviour', () => {
  test('answers E0001 with the work done or not', async () => {
    await sandbox.control('waffo', { answer: { code: 'E0001', processed: true, times: 1 } });
    const done = await create();
    expect(done.answer).toMatchObject({ status: 500, answerValid: true, body: { code: 'E0001', data: null } });
    expect((await inquire(done.paymentRequestId)).data.orderStatus).toBe('AUTHORIZATION_REQUIRED');
    await sandbox.control('waffo', { answer: { code: 'E0001', times: 1 } });
    const notDone = await create();
    expect((await inquire(notDone.paymentRequestId)).code).toBe('A0009');
  });
  test('answers unsigned or wrongly signed', async () => {
    for (const kind of ['absent', 'wrong']) {
      await sandbox.control('waffo', { answerSignature: { kind, times: 1 } });
      expect((await create()).answer).toMatchObject({ status: 200, answerValid: false });
    }
  });
});
