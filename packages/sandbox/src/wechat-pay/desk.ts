// The parts of WeChat Pay put together: orders, keys, the notifier, and what happens when a payer pays or a refund settles.
import type { SandboxConfig } from '../config.ts';
import { createNotifier, openDeliveries } from '../notify/notifier.ts';
import { chooseKey } from './answers.ts';
import { createAuthorization } from './authorization.ts';
import type { WechatPart } from './faults.ts';
import { merchantsOf, platformKeysOf } from './merchant.ts';
import {
  distort,
  type MoneyEvent,
  newEventId,
  paymentEvent,
  refundEvent,
  sealEvent,
  wechatScheduleMs,
} from './notification.ts';
import { createOrders, type Order, type Refund } from './orders.ts';

export const createDesk = (config: SandboxConfig, part: WechatPart) => {
  const { now, log } = config;
  const merchants = merchantsOf(config.secrets);
  const keys = platformKeysOf(config.secrets);
  const orders = createOrders(now, config.dataDir);
  const notifier = createNotifier<MoneyEvent>({
    deliveries: openDeliveries(config.dataDir, 'wechat-pay'),
    compose: ({ url, merchant: mchId, content }, faults) => {
      const merchant = merchants.find((m) => m.mchId === mchId);
      if (!merchant) throw new Error(`merchant ${mchId} is unknown`);
      return sealEvent({
        url,
        merchant,
        key: chooseKey(keys, part),
        event: distort(content, faults),
        at: now(),
        signature: faults.wrongSignature ? 'wrong' : 'right',
      });
    },
    accepts: (_, { status }) => status === 200 || status === 204,
    faults: part.faults,
    scheduleMs: wechatScheduleMs,
    ...config.notifications,
    now,
    log,
  });
  const settling = new Set<NodeJS.Timeout>();

  const notify = (order: Order, url: string, content: MoneyEvent) =>
    notifier.send({
      id: content.id,
      subject: order.out_trade_no,
      merchant: order.mchid,
      kind: content.eventType,
      url,
      content,
    });
  /** Acceptance of a refund is not its completion: that comes a moment later, or when control says so. */
  const settleLater = (order: Order, refund: Refund) => {
    const { outcome = 'SUCCESS', delayMs = 0 } = part.faults.current().refund ?? {};
    const timer = setTimeout(() => {
      settling.delete(timer);
      orders.settleRefund(order, refund, outcome);
      if (refund.notify_url) notify(order, refund.notify_url, refundEvent(newEventId(), order, refund, now()));
    }, delayMs);
    settling.add(timer);
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
      notify(order, order.notify_url, paymentEvent(newEventId(), order, now()));
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
