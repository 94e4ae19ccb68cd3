// The parts of WeChat Pay put together: orders, keys, the notifier, and what happens when a payer pays or a refund settles.
import type { SandboxConfig } from '../config.ts';
import type { NotifyFaults } from '../control/faults.ts';
import { createNotifier } from '../notify/notifier.ts';
import { chooseKey } from './answers.ts';
import { createAuthorization } from './authorization.ts';
import type { WechatPart } from './faults.ts';
import { merchantsOf, platformKeysOf } from './merchant.ts';
import {
  newEventId,
  paymentEvent,
  refundEvent,
  sealEvent,
  type WechatEvent,
  wechatScheduleMs,
} from './notification.ts';
import { createOrders, type Order, type Refund } from './orders.ts';

export const createDesk = (config: SandboxConfig, part: WechatPart) => {
  const { now, log } = config;
  const merchants = merchantsOf(config.secrets);
  const keys = platformKeysOf(config.secrets);
  const orders = createOrders(now);
  const notifier = createNotifier({
    faults: part.faults,
    scheduleMs: wechatScheduleMs,
    ...config.notifications,
    now,
    log,
  });
  const settling = new Set<NodeJS.Timeout>();

  const notify = (
    order: Order,
    url: string,
    kind: string,
    eventOf: (id: string, faults: NotifyFaults) => WechatEvent,
  ) => {
    const merchant = merchants.find((m) => m.mchId === order.mchid);
    if (!merchant) return;
    const id = newEventId();
    notifier.send({
      id,
      subject: order.out_trade_no,
      merchant: order.mchid,
      kind,
      compose: (faults) =>
        sealEvent({
          url,
          merchant,
          key: chooseKey(keys, part),
          event: eventOf(id, faults),
          at: now(),
          signature: faults.wrongSignature ? 'wrong' : 'right',
        }),
      accepted: ({ status }) => status === 200 || status === 204,
    });
  };

  return {
    part,
    keys,
    orders,
    merchants,
    notifier,
    now,
    timeoutMs: config.notifications.timeoutMs,
    authorize: createAuthorization({ merchants, now }),
    /** A payer pays: the order is paid at once, the merchant hears of it asynchronously. */
    pay(order: Order) {
      orders.pay(order);
      const paidAt = now();
      notify(order, order.notify_url, 'TRANSACTION.SUCCESS', (id, faults) => paymentEvent(id, order, faults, paidAt));
    },
    /** Acceptance of a refund is not its completion: that comes a moment later, or when control says so. */
    settleLater(order: Order, refund: Refund) {
      const { outcome = 'SUCCESS', delayMs = 0 } = part.faults.current().refund ?? {};
      const timer = setTimeout(() => {
        settling.delete(timer);
        orders.settleRefund(refund, outcome);
        const settledAt = now();
        if (refund.notify_url)
          notify(order, refund.notify_url, `REFUND.${outcome}`, (id, faults) =>
            refundEvent(id, order, refund, faults, settledAt),
          );
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
