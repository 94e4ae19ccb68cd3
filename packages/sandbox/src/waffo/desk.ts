// The parts of Waffo put together: orders, webhooks, and what happens when a payer pays or a refund settles.
import type { SandboxConfig } from '../config.ts';
import type { NotifyFaults } from '../control/faults.ts';
import { randomHex } from '../crypto/random.ts';
import { signRsaSha256, verifyRsaSha256 } from '../crypto/rsa-sha256.ts';
import { createNotifier, type Outgoing, type Reply } from '../notify/notifier.ts';
import type { WaffoPart } from './faults.ts';
import { merchantsOf } from './merchant.ts';
import { createOrders, type Order, type Refund } from './orders.ts';
import { distort, orderView, refundView } from './views.ts';

/** Eight tries at 0, 30 s, 1 m, 4 m, 30 m, 4 h, 8 h, 8 h: about 20.5 h (Waffo, webhook/retry). */
const waffoScheduleMs = [30, 60, 240, 1800, 14_400, 28_800, 28_800].map((s) => s * 1000);

export const createDesk = (config: SandboxConfig, part: WaffoPart, origin: () => string) => {
  const { now, log } = config;
  const merchants = merchantsOf(config.secrets);
  const privateKey = config.secrets.waffoPlatform.key.privateKey;
  const orders = createOrders(now);
  const notifier = createNotifier({
    faults: part.faults,
    scheduleMs: waffoScheduleMs,
    ...config.notifications,
    now,
    log,
  });
  const settling = new Set<NodeJS.Timeout>();

  const seal = (url: string, content: object, { key = privateKey, wrong = false } = {}): Outgoing => {
    const body = JSON.stringify(content);
    return {
      url,
      body,
      headers: { 'content-type': 'application/json', 'x-signature': signRsaSha256(key, wrong ? 'another body' : body) },
    };
  };
  /** The merchant's answer counts only if it says success and is signed by the merchant. */
  const acknowledged = (merchantId: string, { status, headers, body }: Reply) => {
    const merchant = merchants.find((m) => m.merchantId === merchantId);
    return (
      status === 200 &&
      body === '{"message":"success"}' &&
      merchant !== undefined &&
      verifyRsaSha256(merchant.publicKey, body, headers.get('x-signature') ?? '')
    );
  };
  const notify = (order: Order, url: string, eventType: string, resultOf: (faults: NotifyFaults) => object) =>
    notifier.send({
      id: `whk_${randomHex(12)}`,
      subject: order.paymentRequestId,
      merchant: order.merchantInfo.merchantId,
      kind: eventType,
      compose: (faults) =>
        seal(url, { eventType, result: resultOf(faults) }, { wrong: faults.wrongSignature ?? false }),
      accepted: (reply) => acknowledged(order.merchantInfo.merchantId, reply),
    });
  const notifyPayment = (order: Order) => {
    // The state at the time of the event: a later state must not leak into an older webhook.
    const view = orderView(origin(), order);
    notify(order, order.notifyUrl, 'PAYMENT_NOTIFICATION', (faults) => distort(view, faults));
  };

  return {
    part,
    orders,
    merchants,
    notifier,
    now,
    origin,
    privateKey,
    seal,
    acknowledged,
    timeoutMs: config.notifications.timeoutMs,
    pay(order: Order) {
      orders.pay(order);
      notifyPayment(order);
    },
    fail(order: Order, failure: { code: string; message: string }) {
      orders.fail(order, failure);
      notifyPayment(order);
    },
    /** `fallbackUrl`: where a refund that Waffo itself started is announced. refundNotifyUrl does not fall back to notifyUrl. */
    settleLater(order: Order, refund: Refund, fallbackUrl?: string) {
      const { outcome = 'REFUNDED', delayMs = 0 } = part.faults.current().refund ?? {};
      const timer = setTimeout(() => {
        settling.delete(timer);
        orders.settleRefund(order, refund, outcome === 'REFUNDED');
        const url = refund.refundNotifyUrl ?? fallbackUrl;
        const view = refundView(order, refund);
        if (url) notify(order, url, 'REFUND_NOTIFICATION', () => view);
      }, delayMs);
      settling.add(timer);
    },
    async stop() {
      for (const timer of settling) clearTimeout(timer);
      await notifier.stop();
    },
  };
};
export type Desk = ReturnType<typeof createDesk>;
