import { endpoints } from '@meridian/contracts/billing.ts';
import { databaseSnapshot } from '@meridian/testkit/endpoint-suite/database-snapshot.ts';
import type { Sample } from '@meridian/testkit/endpoint-suite/suite-types.ts';
import { endpointSuite } from '@meridian/testkit/endpoint-suite.ts';
import { startTestBilling } from './support/test-billing.ts';

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
    return {
      publicUrl: billing.api,
      internalUrl: billing.internalUrl(),
      tokens: await billing.issuer.suiteTokens('billing', { user, otherUser }),
      // The poller moves the next question about an unpaid order; nothing here is unpaid.
      snapshot: () => databaseSnapshot(billing.pool, ['outbox', 'published_event', 'idempotency_key']),
      sampleOf: (endpoint): Sample | undefined => {
        if (endpoint.id === 'getRecharge') return { params: { orderId } };
        if (endpoint.id === 'createRecharge') return { body };
        if (endpoint.id === 'notifyPayment') return { params: { channel: 'wechat_pay' }, body: '{}' };
        if (endpoint.id === 'getUsage') return { query: { from: '2026-11-01', to: '2026-11-22' } };
        if (endpoint.id === 'createHold') return { body: hold };
        if (endpoint.path.includes('{requestId}')) return { params: { requestId: hold.requestId } };
        if (endpoint.path.includes('{accountId}')) return { params: { accountId: user } };
        return undefined;
      },
      stop: billing.stop,
    };
  },
});
