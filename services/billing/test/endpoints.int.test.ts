import { generateKeyPairSync } from 'node:crypto';
import { endpoints } from '@meridian/contracts/billing.ts';
import { merchantsOf, platformKeysOf } from '@meridian/sandbox/wechat-pay/merchant.ts';
import { newEventId, sealEvent } from '@meridian/sandbox/wechat-pay/notification.ts';
import { databaseHolds, databaseSnapshot } from '@meridian/testkit/endpoint-suite/database-snapshot.ts';
import type { Sample } from '@meridian/testkit/endpoint-suite/suite-types.ts';
import { endpointSuite } from '@meridian/testkit/endpoint-suite.ts';
import { startTestBilling, type TestBilling } from './support/test-billing.ts';

/** A notification as WeChat Pay signs it, and what others, or WeChat Pay at another time, would show in its place. */
const notifyPaymentSample = (billing: TestBilling, orderNo: string): Sample => {
  const [merchant] = merchantsOf(billing.secrets);
  const [key] = platformKeysOf(billing.secrets);
  if (merchant === undefined) throw new Error('the sandbox has no merchant');
  const at = new Date();
  const content = { mchid: merchant.mchId, out_trade_no: orderNo, refund_status: 'SUCCESS' };
  const event = {
    id: newEventId(),
    createTime: at.toISOString(),
    eventType: 'REFUND.SUCCESS',
    summary: 's',
    kind: 'refund',
    content,
  } as const;
  const seal = (change: Partial<Parameters<typeof sealEvent>[0]> = {}) =>
    sealEvent({ url: '', merchant, key, event, at, ...change });
  const { body, headers } = seal();
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const strangersKey = stranger.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return {
    params: { channel: 'wechat_pay' },
    headers,
    body,
    signature: {
      headers: ['wechatpay-serial', 'wechatpay-timestamp', 'wechatpay-nonce', 'wechatpay-signature'],
      overBytes: true,
      refusal: { status: 401, code: 'notification_refused' },
      foreign: [
        { what: 'signed by a stranger', headers: seal({ key: { ...key, privateKey: strangersKey } }).headers },
        { what: 'signed for another message', headers: seal({ event: { ...event, id: newEventId() } }).headers },
        { what: 'signed six minutes ago', headers: seal({ at: new Date(at.getTime() - 360_000) }).headers },
        { what: "the channel's own probe", headers: seal({ signature: 'probe' }).headers },
      ],
    },
  };
};

endpointSuite({
  service: 'billing',
  endpoints,
  start: async () => {
    const billing = await startTestBilling('cn');
    const [user, otherUser] = [billing.newAccount(), billing.newAccount()];
    billing.neighbours.verified.set(user, 'personal');
    const body = { channel: 'wechat_pay', amount: '5000000000', currency: 'CNY' };
    const order = await billing.as(user, 'POST', '/v1/billing/recharges', body, 'first');
    const { orderId } = order.body as unknown as { orderId: string };
    const [{ no }] = (await billing.rows<{ no: string }>('select channel_order_no as no from recharge_order')) as [
      { no: string },
    ];
    await billing.control('POST', `wechat-pay/orders/${no}/pay`);
    const hold = {
      requestId: billing.newId('req'),
      accountId: user,
      keyId: billing.newId('key'),
      model: 'meridian-v2.5',
      promptTokensBound: 10,
      completionWindow: 10,
    };
    for (let i = 0; i < 200; i += 1) {
      if ((await billing.from('gateway', 'POST', '/internal/v1/holds', hold)).status === 201) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const notification = notifyPaymentSample(billing, no);
    return {
      region: billing.region,
      publicUrl: billing.api,
      internalUrl: billing.internalUrl(),
      tokens: await billing.issuer.suiteTokens('billing', { user, otherUser }),
      // The poller moves the next question about an unpaid order; nothing here is unpaid.
      snapshot: () => databaseSnapshot(billing.pool, ['outbox', 'published_event', 'idempotency_key']),
      holds: (id) => databaseHolds(billing.pool, id),
      sampleOf: (endpoint): Sample | undefined => {
        if (endpoint.id === 'getRecharge') return { params: { orderId } };
        if (endpoint.id === 'createRecharge') return { body };
        if (endpoint.id === 'notifyPayment') return notification;
        if (endpoint.id === 'getUsage') return { query: { from: '2026-11-01', to: '2026-11-22' } };
        if (endpoint.id === 'createHold') return { body: hold };
        if (endpoint.path.includes('{requestId}')) return { params: { requestId: hold.requestId } };
        // Who has no balance has none: an answer like any other.
        if (endpoint.path.includes('{accountId}')) return { params: { accountId: user }, unknownId: [200] };
        return undefined;
      },
      stop: billing.stop,
    };
  },
});
