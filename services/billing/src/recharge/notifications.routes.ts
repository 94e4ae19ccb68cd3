import { notificationRefused, notifyPayment } from '@meridian/contracts/billing.ts';
import { notFound } from '@meridian/contracts/common.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { Billing } from '../platform.ts';
import { type Channel, type Notification, NotificationRefused } from './channel.ts';
import type { Channels } from './channels.ts';
import { sealPayload } from './payload-seal.ts';
import { receiveNotification } from './receive-notification.ts';

export const notificationsRoutes = ({ platform, deps }: Billing, channels: Channels, payloadKey: Buffer): void => {
  const { db, log, publicServer } = platform;
  const { metrics } = deps;

  const parse = (
    name: string,
    channel: Channel,
    ...message: Parameters<Channel['parseNotification']>
  ): Notification => {
    try {
      return channel.parseNotification(...message);
    } catch (error) {
      if (!(error instanceof NotificationRefused)) throw error;
      metrics.notifications.inc({ channel: name, outcome: error.code });
      // Wrong merchant with a right signature is no probe: someone at the channel has to be asked.
      if (error.code === 'wrong_merchant') metrics.mismatched.inc({ channel: name, reason: 'merchant' });
      log.warn({ channel: name, code: error.code }, 'notification refused');
      return fail(notificationRefused, { detail: 'The message is not proven to come from the channel' });
    }
  };

  route(publicServer, notifyPayment, async ({ params: { channel: name }, headers, body }) => {
    const channel = channels.get(name) ?? fail(notFound, { detail: 'This region does not take that channel' });
    const notification = parse(name, channel, headers, body);
    const sealed = sealPayload(payloadKey, `${name} ${notification.eventId}`, body);
    const { outcome, reason } = await db.transaction((tx) =>
      receiveNotification(tx, deps, { channel: name, notification, sealed }),
    );
    metrics.notifications.inc({ channel: name, outcome });
    if (notification.kind.startsWith('REFUND')) metrics.mismatched.inc({ channel: name, reason: 'refund' });
    if (outcome === 'refused') {
      log.error({ channel: name, eventId: notification.eventId, reason }, 'a payment of the channel fits no order');
      return fail(notificationRefused, { detail: 'The message does not match an order' });
    }
    const { status, body: text, headers: extra } = channel.acknowledge();
    return status === 204 ? { status, headers: extra } : { status, body: text, headers: extra };
  });
};
