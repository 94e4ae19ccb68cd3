import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startMerchant, startTestSandbox, type TestSandbox, waitFor } from './support/sandbox.ts';
import { callWechat, type Options, openNotification } from './support/wechat-client.ts';

type Merchant = Awaited<ReturnType<typeof startMerchant>>;
let sandbox: TestSandbox;
let merchant: Merchant;
let answerWith = (_count: number) => 200;
beforeAll(async () => {
  sandbox = await startTestSandbox();
});
afterAll(() => sandbox.stop());
beforeEach(async () => {
  await sandbox.json('DELETE', '/control');
  answerWith = () => 200;
  merchant = await startMerchant((_received, count) => ({ status: answerWith(count) }));
});
afterEach(() => merchant.close());

const view = () => sandbox.of('cn').wechatPay;
const call = (method: 'GET' | 'POST', path: string, content?: object, options: Options = {}) =>
  callWechat(view(), method, path, content, { at: sandbox.now(), ...options });
const newNumber = () => `M${randomBytes(10).toString('hex')}`;
const order = (changes: object = {}) => ({
  appid: view().appId,
  mchid: view().mchId,
  description: 'Recharge',
  out_trade_no: newNumber(),
  notify_url: merchant.url,
  amount: { total: 1050, currency: 'CNY' },
  ...changes,
});
const place = async (changes: object = {}) => {
  const placed = order(changes);
  const answer = await call('POST', '/v3/pay/transactions/native', placed);
  return {
    ...placed,
    status: answer.status,
    code: answer.body.code,
    pr: String(answer.body.code_url).split('pr=')[1] ?? '',
  };
};
const query = (number: string) => call('GET', `/v3/pay/transactions/out-trade-no/${number}?mchid=${view().mchId}`);
const payByForm = (pr: string, action = 'pay') =>
  fetch(`${sandbox.origin}/wechat-pay/pay/${pr}`, {
    method: 'POST',
    body: new URLSearchParams({ action }),
    redirect: 'manual',
  });
const payByControl = (number: string) => sandbox.json('POST', `/control/wechat-pay/orders/${number}/pay`);
const notifications = async (count: number) => {
  await waitFor(() => merchant.received.length >= count);
  return merchant.received.map((received) => openNotification(view(), received));
};
const deliveriesOf = async (number: string) =>
  (await sandbox.json('GET', `/control/wechat-pay/notifications/${number}`)).body.deliveries;
const settled = (number: string, state: string) =>
  waitFor(async () => (await deliveriesOf(number))[0]?.state === state);

describe('a native order', () => {
  test('is placed, paid on the payer page, announced and queried', async () => {
    const placed = await place({ attach: 'order note' });
    expect(placed.status).toBe(200);
    const before = await query(placed.out_trade_no);
    expect(before).toMatchObject({
      status: 200,
      answerValid: true,
      body: { trade_state: 'NOTPAY', attach: 'order note' },
    });
    expect(before.body).not.toHaveProperty('transaction_id');
    expect(await (await fetch(`${sandbox.origin}/wechat-pay`)).text()).toContain(placed.out_trade_no);
    const page = await (await fetch(`${sandbox.origin}/wechat-pay/pay/${placed.pr}`)).text();
    expect(page).toContain('¥10.50');
    expect((await payByForm(placed.pr)).status).toBe(303);
    expect(await (await fetch(`${sandbox.origin}/wechat-pay/pay/${placed.pr}`)).text()).toContain('Paid');

    const [first] = await notifications(1);
    const after = await query(placed.out_trade_no);
    expect(after.body).toMatchObject({
      trade_state: 'SUCCESS',
      trade_type: 'NATIVE',
      amount: { total: 1050, payer_total: 1050 },
    });
    expect(first).toMatchObject({
      valid: true,
      event: { event_type: 'TRANSACTION.SUCCESS', resource_type: 'encrypt-resource' },
      resource: {
        out_trade_no: placed.out_trade_no,
        mchid: view().mchId,
        appid: view().appId,
        trade_state: 'SUCCESS',
        transaction_id: after.body.transaction_id,
        amount: { total: 1050, currency: 'CNY' },
      },
    });
    const byId = await call('GET', `/v3/pay/transactions/id/${after.body.transaction_id}?mchid=${view().mchId}`);
    expect(byId.body).toEqual(after.body);
  });
  test('stays unpaid when the payer cancels', async () => {
    const placed = await place();
    expect((await payByForm(placed.pr, 'cancel')).status).toBe(200);
    expect((await query(placed.out_trade_no)).body.trade_state).toBe('NOTPAY');
  });
  test('ordered again gives a new code, with other parameters OUT_TRADE_NO_USED, once paid ORDERPAID', async () => {
    const placed = await place();
    const again = await place({ out_trade_no: placed.out_trade_no });
    expect(again.status).toBe(200);
    expect(again.pr).not.toBe(placed.pr);
    expect(await place({ out_trade_no: placed.out_trade_no, amount: { total: 1, currency: 'CNY' } })).toMatchObject({
      status: 403,
      code: 'OUT_TRADE_NO_USED',
    });
    await payByControl(placed.out_trade_no);
    expect(await place({ out_trade_no: placed.out_trade_no })).toMatchObject({ status: 400, code: 'ORDERPAID' });
    expect((await payByControl(placed.out_trade_no)).status).toBe(409);
  });
  test('once closed can be neither paid nor ordered; a paid one cannot be closed', async () => {
    const placed = await place();
    const close = (number: string) =>
      call('POST', `/v3/pay/transactions/out-trade-no/${number}/close`, { mchid: view().mchId });
    expect(await close(placed.out_trade_no)).toMatchObject({ status: 204, answerValid: true });
    expect((await payByControl(placed.out_trade_no)).body).toEqual({ error: 'ORDER_CLOSED' });
    expect((await query(placed.out_trade_no)).body.trade_state).toBe('CLOSED');
    expect((await place({ out_trade_no: placed.out_trade_no })).code).toBe('ORDER_CLOSED');
    const paid = await place();
    await payByControl(paid.out_trade_no);
    expect((await close(paid.out_trade_no)).body.code).toBe('ORDERPAID');
  });
  test('cannot be paid after time_expire, yet is not closed by it', async () => {
    const placed = await place({ time_expire: new Date(sandbox.now().getTime() + 120_000).toISOString() });
    sandbox.moveClock(121_000);
    await payByForm(placed.pr);
    expect((await query(placed.out_trade_no)).body.trade_state).toBe('NOTPAY');
  });
  test.each([
    ['a short number', { out_trade_no: 'x1' }, 'PARAM_ERROR'],
    ['a fraction of a fen', { amount: { total: 1.5, currency: 'CNY' } }, 'PARAM_ERROR'],
    ['another currency', { amount: { total: 1, currency: 'USD' } }, 'PARAM_ERROR'],
    ['a notify_url with a query', { notify_url: 'https://example.com/n?x=1' }, 'PARAM_ERROR'],
    ['a time_expire in the past', { time_expire: '2020-01-01T00:00:00+08:00' }, 'PARAM_ERROR'],
    ['an unknown field', { extra: 1 }, 'PARAM_ERROR'],
    ['another appid', { appid: 'wx0000000000000000' }, 'APPID_MCHID_NOT_MATCH'],
    ['another mchid', { mchid: '1900000001' }, 'PARAM_ERROR'],
  ])('is refused with %s', async (_what, changes, code) => {
    expect(await place(changes)).toMatchObject({ status: 400, code });
  });
  test('of one merchant is invisible to another', async () => {
    const placed = await place();
    const other = sandbox.of('global').wechatPay;
    const answer = await callWechat(
      other,
      'GET',
      `/v3/pay/transactions/out-trade-no/${placed.out_trade_no}?mchid=${other.mchId}`,
      undefined,
      { at: sandbox.now() },
    );
    expect(answer).toMatchObject({ status: 404, answerValid: true, body: { code: 'ORDER_NOT_EXIST' } });
  });
});

describe('the signature of a request', () => {
  const cases: [string, () => Options][] = [
    ['another key', () => ({ privateKey: sandbox.of('global').wechatPay.merchantPrivateKey })],
    ['another serial', () => ({ serial: 'A'.repeat(40) })],
    ['a changed body', () => ({ tamperedBody: JSON.stringify(order({ amount: { total: 1, currency: 'CNY' } })) })],
    ['a timestamp six minutes old', () => ({ at: new Date(sandbox.now().getTime() - 360_000) })],
    ['a timestamp six minutes ahead', () => ({ at: new Date(sandbox.now().getTime() + 360_000) })],
    ['another scheme', () => ({ headers: { authorization: 'WECHATPAY2-SM2-WITH-SM3 mchid="1"' } })],
  ];
  test.each(cases)('with %s is refused', async (_what, options) => {
    expect(await call('POST', '/v3/pay/transactions/native', order(), options())).toMatchObject({
      status: 401,
      body: { code: 'SIGN_ERROR' },
    });
  });
  test('does not work twice', async () => {
    const nonce = randomBytes(16).toString('hex');
    const placed = order();
    expect((await call('POST', '/v3/pay/transactions/native', placed, { nonce })).status).toBe(200);
    expect(await call('POST', '/v3/pay/transactions/native', placed, { nonce })).toMatchObject({
      status: 401,
      body: { code: 'SIGN_ERROR' },
    });
  });
  test('covers the query of the address', async () => {
    const placed = await place();
    const path = `/v3/pay/transactions/out-trade-no/${placed.out_trade_no}`;
    const shifted = await callWechat(
      { ...view(), baseUrl: `${view().baseUrl}` },
      'GET',
      `${path}?mchid=${view().mchId}`,
      undefined,
      { at: sandbox.now() },
    );
    expect(shifted.status).toBe(200);
    const signedWithoutQuery = await call('GET', path);
    expect(signedWithoutQuery.body.code).toBe('PARAM_ERROR');
  });
  test('is asked of an unknown merchant as well, and needs Accept, User-Agent and, with a body, its type', async () => {
    expect((await call('POST', '/v3/pay/transactions/native', order(), { mchId: '1111111111' })).body.code).toBe(
      'MCH_NOT_EXISTS',
    );
    expect(
      (await call('POST', '/v3/pay/transactions/native', order(), { headers: { accept: 'text/html' } })).body,
    ).toMatchObject({ code: 'PARAM_ERROR', detail: { field: 'Accept' } });
    for (const type of ['text/plain', 'application/jsonp'])
      expect(
        await call('POST', '/v3/pay/transactions/native', order(), { headers: { 'content-type': type } }),
      ).toMatchObject({ status: 400, body: { code: 'PARAM_ERROR', detail: { field: 'Content-Type' } } });
    expect(
      await call('POST', '/v3/pay/transactions/native', order(), {
        headers: { 'content-type': 'application/json; charset=utf-8' },
      }),
    ).toMatchObject({ status: 200 });
  });
});

describe('refunds', () => {
  const refund = (number: string, changes: object = {}) =>
    call('POST', '/v3/refund/domestic/refunds', {
      out_trade_no: number,
      out_refund_no: newNumber(),
      notify_url: merchant.url,
      amount: { refund: 400, total: 1050, currency: 'CNY' },
      ...changes,
    });
  const paid = async () => {
    const placed = await place();
    await payByControl(placed.out_trade_no);
    await notifications(1);
    return placed.out_trade_no;
  };
  test('are accepted as PROCESSING, complete later, and are announced', async () => {
    const number = await paid();
    const accepted = await refund(number);
    expect(accepted).toMatchObject({
      status: 200,
      answerValid: true,
      body: { status: 'PROCESSING', channel: 'ORIGINAL', amount: { refund: 400 } },
    });
    const [, second] = await notifications(2);
    expect(second).toMatchObject({
      valid: true,
      event: { event_type: 'REFUND.SUCCESS' },
      resource: { refund_status: 'SUCCESS', out_refund_no: accepted.body.out_refund_no, amount: { refund: 400 } },
    });
    expect((await call('GET', `/v3/refund/domestic/refunds/${accepted.body.out_refund_no}`)).body.status).toBe(
      'SUCCESS',
    );
    expect((await query(number)).body.trade_state).toBe('REFUND');
  });
  test('with one number happen once', async () => {
    const number = await paid();
    const out_refund_no = newNumber();
    const first = await refund(number, { out_refund_no });
    const second = await refund(number, { out_refund_no });
    expect(second.body.refund_id).toBe(first.body.refund_id);
    expect(
      (await refund(number, { out_refund_no, amount: { refund: 1, total: 1050, currency: 'CNY' } })).body.code,
    ).toBe('INVALID_REQUEST');
  });
  test('never exceed what was paid, and need a paid order', async () => {
    const number = await paid();
    expect((await refund(number, { amount: { refund: 700, total: 1050, currency: 'CNY' } })).status).toBe(200);
    expect((await refund(number)).body.code).toBe('INVALID_REQUEST');
    expect((await refund((await place()).out_trade_no)).body.code).toBe('INVALID_REQUEST');
    expect((await refund(newNumber())).body.code).toBe('ORDER_NOT_EXIST');
    expect((await call('GET', '/v3/refund/domestic/refunds/nothing1')).body.code).toBe('RESOURCE_NOT_EXISTS');
  });
  test('end otherwise on request', async () => {
    await sandbox.control('wechat-pay', { refund: { outcome: 'ABNORMAL' } });
    await refund(await paid());
    const [, second] = await notifications(2);
    expect(second?.event.event_type).toBe('REFUND.ABNORMAL');
  });
});

describe('notifications', () => {
  test('are retried with the same id and a fresh signature until accepted', async () => {
    answerWith = (count) => (count < 3 ? 500 : 204);
    const placed = await place();
    await payByControl(placed.out_trade_no);
    const all = await notifications(3);
    await settled(placed.out_trade_no, 'delivered');
    expect(new Set(all.map((n) => n.event.id)).size).toBe(1);
    expect(new Set(merchant.received.map((r) => r.headers['wechatpay-nonce'])).size).toBe(3);
    expect(all.every((n) => n.valid)).toBe(true);
    expect(merchant.received).toHaveLength(3);
  });
  test('are given up after the documented 16 attempts', async () => {
    answerWith = () => 404;
    const placed = await place();
    await payByControl(placed.out_trade_no);
    await settled(placed.out_trade_no, 'given_up');
    expect(merchant.received).toHaveLength(16);
    expect(sandbox.logged.some((line) => line.includes('given up'))).toBe(true);
  });
  test('are duplicated, distorted, or wrongly signed on request', async () => {
    await sandbox.control('wechat-pay', { notify: { duplicate: 3, amountOffset: 1 } });
    const first = await place();
    await payByControl(first.out_trade_no);
    const copies = await notifications(3);
    await settled(first.out_trade_no, 'delivered');
    expect(copies.map((n) => [n.event.id, n.resource.amount.total])).toEqual(
      Array(3).fill([copies[0]?.event.id, 1051]),
    );
    await sandbox.control('wechat-pay', { notify: { wrongSignature: true } });
    await payByControl((await place()).out_trade_no);
    expect((await notifications(4))[3]?.valid).toBe(false);
  });
  test('are held until released, and resent on request', async () => {
    await sandbox.control('wechat-pay', { notify: { hold: true } });
    const placed = await place();
    await payByControl(placed.out_trade_no);
    expect((await deliveriesOf(placed.out_trade_no))[0]).toMatchObject({ state: 'held', attempts: [] });
    expect(merchant.received).toHaveLength(0);
    await sandbox.json('DELETE', '/control/wechat-pay');
    await notifications(1);
    await settled(placed.out_trade_no, 'delivered');
    expect((await sandbox.json('POST', `/control/wechat-pay/notifications/${placed.out_trade_no}/resend`)).status).toBe(
      200,
    );
    const [one, two] = await notifications(2);
    expect(two?.event.id).toBe(one?.event.id);
    expect((await sandbox.json('POST', '/control/wechat-pay/notifications/unknown/resend')).status).toBe(404);
  });
  test('arrive in the other order on request', async () => {
    await sandbox.control('wechat-pay', { notify: { reorder: true } });
    const [first, second] = [await place(), await place()];
    await payByControl(first.out_trade_no);
    await payByControl(second.out_trade_no);
    const all = await notifications(2);
    expect(all.map((n) => n.resource.out_trade_no)).toEqual([second.out_trade_no, first.out_trade_no]);
  });
  test('are lost on request, while a query still tells the truth', async () => {
    await sandbox.control('wechat-pay', { notify: { drop: true } });
    const placed = await place();
    await payByControl(placed.out_trade_no);
    expect((await deliveriesOf(placed.out_trade_no))[0].state).toBe('dropped');
    expect((await query(placed.out_trade_no)).body.trade_state).toBe('SUCCESS');
  });
  test('are forged on request, each in its one way', async () => {
    const placed = await place();
    const forge = async (kind: string) => {
      const count = merchant.received.length;
      const answer = await sandbox.json('POST', `/control/wechat-pay/notifications/${placed.out_trade_no}/forge`, {
        kind,
      });
      expect(answer.body).toMatchObject({ kind, status: 200 });
      const received = merchant.received[count];
      if (!received) throw new Error('nothing arrived');
      return { ...openNotification(view(), received), signature: String(received.headers['wechatpay-signature']) };
    };
    expect((await forge('wrong_key')).valid).toBe(false);
    expect((await forge('unknown_serial')).valid).toBe(false);
    expect((await forge('probe')).signature).toMatch(/^WECHATPAY\/SIGNTEST\//);
    expect(await forge('other_merchant')).toMatchObject({ valid: true, resource: { mchid: '1999999999' } });
    expect(await forge('wrong_amount')).toMatchObject({ valid: true, resource: { amount: { total: 1150 } } });
    expect(await forge('wrong_currency')).toMatchObject({ valid: true, resource: { amount: { currency: 'USD' } } });
    const stale = await forge('stale_timestamp');
    expect(stale.valid).toBe(true);
    expect(sandbox.now().getTime() / 1000 - stale.timestamp).toBeGreaterThan(300);
    expect((await query(placed.out_trade_no)).body.trade_state).toBe('NOTPAY');
  });
});

describe('misbehaviour', () => {
  test('signs with the certificate key when told so, or when the merchant names it', async () => {
    const [publicKey, certificate] = view().platformKeys;
    const number = (await place()).out_trade_no;
    expect((await query(number)).serial).toBe(publicKey?.serial);
    await sandbox.control('wechat-pay', { signWith: 'certificate' });
    expect(await query(number)).toMatchObject({ serial: certificate?.serial, answerValid: true });
    const path = `/v3/pay/transactions/out-trade-no/${number}?mchid=${view().mchId}`;
    expect(
      await call('GET', path, undefined, { headers: { 'wechatpay-serial': publicKey?.serial ?? '' } }),
    ).toMatchObject({ serial: publicKey?.serial, answerValid: true });
  });
  test('answers unsigned or wrongly signed on request', async () => {
    const number = (await place()).out_trade_no;
    await sandbox.control('wechat-pay', { answerSignature: { kind: 'wrong', times: 1 } });
    expect(await query(number)).toMatchObject({ status: 200, answerValid: false });
    await sandbox.control('wechat-pay', { answerSignature: { kind: 'absent', times: 1 } });
    expect(await query(number)).toMatchObject({ status: 200, serial: '' });
    expect((await query(number)).answerValid).toBe(true);
  });
  test('loses an answer after the work was done, and refuses as told', async () => {
    await sandbox.control('wechat-pay', { loseAnswer: { times: 1 } });
    const lost = order();
    await expect(call('POST', '/v3/pay/transactions/native', lost)).rejects.toThrow('fetch failed');
    expect((await query(lost.out_trade_no)).body.trade_state).toBe('NOTPAY');
    await sandbox.control('wechat-pay', { answer: { code: 'FREQUENCY_LIMITED', times: 1 } });
    expect(await query(lost.out_trade_no)).toMatchObject({ status: 429, body: { code: 'FREQUENCY_LIMITED' } });
    await sandbox.control('wechat-pay', { fail: { status: 500, times: 1 } });
    expect(await query(lost.out_trade_no)).toMatchObject({ status: 500, body: { code: 'SYSTEM_ERROR' } });
    const log = await sandbox.requestsOf('wechat-pay');
    expect(log.byRoute).toEqual({
      'POST /v3/pay/transactions/native': 1,
      'GET /v3/pay/transactions/out-trade-no/:outTradeNo': 3,
    });
    expect(log.items[0]).toMatchObject({ status: 500, outcome: 'failed_on_request' });
  });
});
