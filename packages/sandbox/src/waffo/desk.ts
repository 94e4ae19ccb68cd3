// The parts of Waffo put together: orders, webhooks, and what happens when a payer pays or a refund settles.
import type { SandboxConfig } from '../config.ts';
import { randomHex } from '../crypto/random.ts';
import { signRsaSha256, verifyRsaSha256 } from '../crypto/rsa-sha256.ts';
import { createNotifier, type Outgoing, openDeliveries, type Reply } from '../notify/notifier.ts';
import type { WaffoPart } from './faults.ts';
import { merchantsOf } from './merchant.ts';
import { createOrders, type Order, type Refund } from './orders.ts';
import { distort, orderView, refundView } from './views.ts';

/** Eight tries at 0, 30 s, 1 m, 4 m, 30 m, 4 h, 8 h, 8 h: about 20.5 h (Waffo, webhook/retry). */
const waffoScheduleMs = [30, 60, 240, 1800, 14_400, 28_800, 28_800].map((s) => s * 1000);

type Content =
  | { eventType: 'PAYMENT_NOTIFICATION'; result: ReturnType<typeof orderView> }
  | { eventType: 'REFUND_NOTIFICATION'; result: ReturnType<typeof refundView> };

export const createDesk = (config: SandboxConfig, part: WaffoPart, origin: () => string) => {
  const { now, log } = config;
  const merchants = merchantsOf(config.secrets);
  const privateKey = config.secrets.waffoPlatform.key.privateKey;
  const orders = createOrders(now, config.dataDir);
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
  const notifier = createNotifier<Content>({
    deliveries: openDeliveries(config.dataDir, 'waffo'),
    compose: ({ url, content }, faults) =>
      seal(
        url,
        content.eventType === 'PAYMENT_NOTIFICATION'
          ? { ...content, result: distort(content.result, faults) }
          : content,
        {
          wrong: faults.wrongSignature ?? false,
        },
      ),
    accepts: ({ merchant }, reply) => acknowledged(merchant, reply),
    faults: part.faults,
    scheduleMs: waffoScheduleMs,
    ...config.notifications,
    now,
    log,
  });
  const notify = (order: Order, url: string, content: Content) =>
    notifier.send({
      id: `whk_${randomHex(12)}`,
      subject: order.paymentRequestId,
      merchant: order.merchantInfo.merchantId,
      kind: content.eventType,
      url,
      content,
    });
  const notifyPayment = (order: Order) =>
    notify(order, order.notifyUrl, { eventType: 'PAYMENT_NOTIFICATION', result: orderView(origin(), order) });
  /** One that Waffo itself started is announced where payments are. A merchant's refundNotifyUrl does not fall back to notifyUrl. */
  const refundUrlOf = (order: Order, { refundNotifyUrl, source }: Refund) =>
    refundNotifyUrl ?? (source === 'MERCHANT' ? undefined : order.notifyUrl);
  const settleLater = (order: Order, refund: Refund) => {
    const { outcome = 'REFUNDED', delayMs = 0 } = part.faults.current().refund ?? {};
    const timer = setTimeout(() => {
      settling.delete(timer);
      orders.settleRefund(order, refund, outcome === 'REFUNDED');
      const url = refundUrlOf(order, refund);
      if (url) notify(order, url, { eventType: 'REFUND_NOTIFICATION', result: refundView(order, refund) });
    }, delayMs);
    settling.add(timer);
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
    settleLater,
    /** Goes on with what an earlier process left undone. */
    resume() {
      notifier.resume();
      for (const { order, refund } of orders.unsettled()) settleLater(order, refund);
    },
    async stop() {
      for (const timer of settling) clearTimeout(timer);
      await notifier.stop();
    },
  };
};
export type Desk = ReturnType<typeof createDesk>;
