// The sandbox as a program that is killed: what a payment channel has confirmed it still knows afterwards, and still tells.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, sign } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { operatorView } from '../src/operator-view.ts';
import { createSandboxSecrets } from '../src/secrets.ts';
import { startMerchant, waitFor } from './support/sandbox.ts';
import { callWechat, openNotification } from './support/wechat-client.ts';

const program = new URL('../src/main.ts', import.meta.url).pathname;
let folder: string;
let secrets: Awaited<ReturnType<typeof createSandboxSecrets>>;
let merchant: Awaited<ReturnType<typeof startMerchant>>;
let status: number;
const running: ChildProcess[] = [];

beforeAll(async () => {
  secrets = await createSandboxSecrets(['cn', 'global']);
}, 30_000);
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sandbox-restart-'));
  writeFileSync(join(folder, 'secrets.json'), JSON.stringify(secrets));
  status = 200;
  merchant = await startMerchant(() => ({ status }));
});
const kill = async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
};
afterEach(async () => {
  await kill();
  await merchant.close();
  rmSync(folder, { recursive: true, force: true });
});

const dataDir = () => join(folder, 'data');
/** Starts the program; answers its origin, empty if it ended instead. */
const start = async () => {
  const child = spawn(process.execPath, [program], {
    env: {
      PATH: process.env.PATH,
      SANDBOX_SECRETS_FILE: join(folder, 'secrets.json'),
      SANDBOX_DATA_DIR: dataDir(),
      SANDBOX_HTTP_PORT: '0',
      SANDBOX_SMTP_PORT: '0',
      SANDBOX_TIME_SCALE: '10', // No second try while a test runs: it is 150 s off.
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.push(child);
  let said = '';
  const started = Promise.withResolvers<string>();
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk;
      const origin = /Sandbox: (\S+)/.exec(said)?.[1];
      if (origin) started.resolve(origin);
    });
  child.once('close', () => started.resolve(''));
  return { origin: await started.promise, said: () => said };
};
const json = async (method: string, url: string, body?: object) =>
  (
    await fetch(url, {
      method,
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
  ).json() as Promise<{ deliveries?: { attempts: unknown[] }[] }>;
const viewAt = (origin: string, region: string) =>
  operatorView(secrets, region, { origin, smtp: { host: '127.0.0.1', port: 1 } });

const newNumber = () => `M${randomBytes(10).toString('hex')}`;
const wechat = (origin: string) => {
  const view = viewAt(origin, 'cn').wechatPay;
  return {
    view,
    place: (number: string) =>
      callWechat(view, 'POST', '/v3/pay/transactions/native', {
        appid: view.appId,
        mchid: view.mchId,
        description: 'Recharge',
        out_trade_no: number,
        notify_url: merchant.url,
        amount: { total: 1050, currency: 'CNY' },
      }),
    pay: (number: string) => json('POST', `${origin}/control/wechat-pay/orders/${number}/pay`),
    query: async (number: string) =>
      (await callWechat(view, 'GET', `/v3/pay/transactions/out-trade-no/${number}?mchid=${view.mchId}`)).body,
    refund: (number: string) =>
      callWechat(view, 'POST', '/v3/refund/domestic/refunds', {
        out_trade_no: number,
        out_refund_no: `R${number}`,
        notify_url: merchant.url,
        amount: { refund: 50, total: 1050, currency: 'CNY' },
      }),
    openAll: () => merchant.received.map((received) => openNotification(view, received)),
  };
};

test('a killed WeChat Pay still knows what was paid, and tells what it held, what it retries and what it settles', async () => {
  const first = await start();
  const before = wechat(first.origin);
  const [open, held, retried] = [newNumber(), newNumber(), newNumber()];
  for (const number of [open, held, retried]) expect((await before.place(number)).status).toBe(200);
  // The merchant is away.
  status = 503;
  await before.pay(retried);
  await waitFor(() => merchant.received.length === 1);
  await json('PUT', `${first.origin}/control/wechat-pay`, { notify: { hold: true }, refund: { delayMs: 600_000 } });
  await before.pay(held);
  expect((await before.refund(held)).body.status).toBe('PROCESSING');
  const paid = await before.query(held);
  expect(paid.trade_state).toBe('REFUND');
  const [code = ''] = /pr=(\S+)$/.exec((await before.place(open)).body.code_url)?.slice(1) ?? [];
  await kill();
  expect(merchant.received).toHaveLength(1);
  const [told] = before.openAll();

  status = 200;
  const second = await start();
  const after = wechat(second.origin);
  expect(await after.query(held)).toEqual(paid);
  expect((await after.query(retried)).trade_state).toBe('SUCCESS');
  await waitFor(() => merchant.received.length === 3);
  const announced = after.openAll().slice(1);
  expect(announced.every(({ valid }) => valid)).toBe(true);
  expect(announced.map(({ event, resource }) => [event.event_type, resource.out_trade_no])).toEqual(
    expect.arrayContaining([
      ['TRANSACTION.SUCCESS', held],
      ['REFUND.SUCCESS', held],
    ]),
  );
  // Of the one in retry the time has not come; it is told with the id it had.
  await json('POST', `${second.origin}/control/wechat-pay/notifications/${retried}/resend`);
  expect(after.openAll().at(-1)?.event.id).toBe(told?.event.id);
  // The payer's QR code still opens the order.
  const page = `${second.origin}/wechat-pay/pay/${code}`;
  await fetch(page, { method: 'POST', body: new URLSearchParams({ action: 'pay' }), redirect: 'manual' });
  expect((await after.query(open)).trade_state).toBe('SUCCESS');
}, 60_000);

test('a notification in retry goes out after the restart when it is due', async () => {
  const first = await start();
  const number = newNumber();
  await wechat(first.origin).place(number);
  status = 503;
  await wechat(first.origin).pay(number);
  await waitFor(async () => {
    const { deliveries } = await json('GET', `${first.origin}/control/wechat-pay/notifications/${number}`);
    return deliveries?.[0]?.attempts.length === 1;
  });
  await kill();
  // As if it had been away for longer than that.
  const file = join(dataDir(), 'wechat-pay-notifications.jsonl');
  const [line = ''] = readFileSync(file, 'utf8').trim().split('\n').slice(-1);
  const [id, delivery] = JSON.parse(line);
  expect(delivery.waits).toBe(1);
  appendFileSync(file, `${JSON.stringify([id, { ...delivery, dueAt: new Date(0).toISOString() }])}\n`);
  status = 200;
  await start();
  await waitFor(() => merchant.received.length === 2);
}, 60_000);

test('a killed Waffo still knows what was paid, and the same request is the same order', async () => {
  const first = await start();
  const order = {
    paymentRequestId: newNumber(),
    merchantOrderId: newNumber(),
    orderCurrency: 'USD',
    orderAmount: '20.00',
    orderDescription: 'Recharge',
    orderRequestedAt: new Date().toISOString(),
    notifyUrl: merchant.url,
    merchantInfo: { merchantId: viewAt(first.origin, 'global').waffo.merchantId },
    userInfo: { userId: 'u1', userEmail: 'u1@example.com', userTerminal: 'WEB' },
    paymentInfo: { productName: 'ONE_TIME_PAYMENT' },
  };
  const call = async (origin: string, path: string, content: object) => {
    const view = viewAt(origin, 'global').waffo;
    const body = JSON.stringify(content);
    const answer = await fetch(view.baseUrl + path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-api-key': view.apiKey,
        'x-api-version': '1.0.0',
        'x-signature': sign('sha256', Buffer.from(body), view.merchantPrivateKey).toString('base64'),
      },
      body,
    });
    return (await answer.json()) as { code: string; data: Record<string, string> };
  };
  const placed = await call(first.origin, '/api/v1/order/create', order);
  await json('PUT', `${first.origin}/control/waffo`, { notify: { hold: true } });
  await json('POST', `${first.origin}/control/waffo/orders/${order.paymentRequestId}/pay`, {});
  await kill();

  const second = await start();
  const { paymentRequestId } = order;
  expect((await call(second.origin, '/api/v1/order/inquiry', { paymentRequestId })).data.orderStatus).toBe(
    'PAY_SUCCESS',
  );
  const [webhook] = await waitFor(() => merchant.received.length === 1 && merchant.received);
  expect(JSON.parse(webhook?.body ?? '{}')).toMatchObject({
    eventType: 'PAYMENT_NOTIFICATION',
    result: { paymentRequestId, orderStatus: 'PAY_SUCCESS', acquiringOrderId: placed.data.acquiringOrderId },
  });
  const again = await call(second.origin, '/api/v1/order/create', {
    ...order,
    orderRequestedAt: new Date().toISOString(),
  });
  expect(again.data.acquiringOrderId).toBe(placed.data.acquiringOrderId);
  expect((await call(second.origin, '/api/v1/order/create', { ...order, orderAmount: '21.00' })).code).toBe('A0011');
}, 60_000);

test('a line that was cut off is as good as not written; a damaged file is named instead of forgotten; nobody else may read it', async () => {
  const first = await start();
  const number = newNumber();
  await wechat(first.origin).place(number);
  await kill();
  const file = join(dataDir(), 'wechat-pay-orders.jsonl');
  expect(statSync(file).mode & 0o077).toBe(0);
  appendFileSync(file, '["1|cut');
  const second = await start();
  expect((await wechat(second.origin).query(number)).trade_state).toBe('NOTPAY');
  await kill();
  appendFileSync(file, 'not a line\n');
  const third = await start();
  expect(third.origin).toBe('');
  expect(third.said()).toContain(`${file} is damaged`);
}, 60_000);
