// Delivers notifications to merchants as a payment channel does: asynchronously, again and again by a schedule, sometimes wrongly.
import type { Faults, NotifyFaults } from '../control/faults.ts';

export type Delivery = {
  id: string;
  /** What the notification is about: an order number. */
  subject: string;
  merchant: string;
  kind: string;
  state: 'held' | 'waiting' | 'delivered' | 'given_up' | 'dropped' | 'stopped';
  attempts: { at: string; status: number | null; accepted: boolean; error?: string }[];
};

export type Outgoing = { url: string; headers: Record<string, string>; body: string };
export type Reply = { status: number; headers: Headers; body: string };

export type Notification = Pick<Delivery, 'id' | 'subject' | 'merchant' | 'kind'> & {
  /** Builds and signs what is sent; called once per attempt, as timestamp and nonce are fresh each time. */
  compose: (faults: NotifyFaults) => Outgoing;
  accepted: (reply: Reply) => boolean;
};

type Options = {
  faults: Pick<Faults<{ notify?: NotifyFaults | undefined }>, 'current' | 'onChange'>;
  /** Waiting times before each further attempt, in milliseconds of real time. */
  scheduleMs: readonly number[];
  timeScale: number;
  timeoutMs: number;
  now: () => Date;
  log: (line: string) => void;
};
const kept = 500;

/** One POST without redirects. `null` status: no answer within the time, or no connection. */
export const post = async ({ url, headers, body }: Outgoing, timeoutMs: number): Promise<Reply | { error: string }> => {
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers,
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: answer.status, headers: answer.headers, body: await answer.text() };
  } catch (error) {
    const reason = error instanceof Error ? error : new Error(String(error));
    return { error: reason.cause instanceof Error ? reason.cause.message : reason.message };
  }
};

export const createNotifier = ({ faults, scheduleMs, timeScale, timeoutMs, now, log }: Options) => {
  const deliveries: Delivery[] = [];
  const notifications = new Map<string, Notification>();
  const timers = new Set<NodeJS.Timeout>();
  const running = new Set<Promise<void>>();
  let held: Notification[] = [];
  let stopped = false;

  const later = (ms: number, work: () => Promise<void>) => {
    if (stopped) return;
    const timer = setTimeout(() => {
      timers.delete(timer);
      const run: Promise<void> = work()
        .catch((error: unknown) =>
          log(`notification failed: ${error instanceof Error ? error.message : String(error)}`),
        )
        .finally(() => running.delete(run));
      running.add(run);
    }, ms);
    timers.add(timer);
  };
  const deliveryOf = (id: string) => deliveries.find((d) => d.id === id);

  const attempt = async (notification: Notification) => {
    const settings = faults.current().notify ?? {};
    const answer = await post(notification.compose(settings), timeoutMs);
    const accepted = 'status' in answer && notification.accepted(answer);
    deliveryOf(notification.id)?.attempts.push({
      at: now().toISOString(),
      status: 'status' in answer ? answer.status : null,
      accepted,
      ...('error' in answer && { error: answer.error }),
    });
    return accepted;
  };
  const tryFrom = (notification: Notification, attemptNo: number, delayMs: number): void =>
    later(delayMs, async () => {
      const accepted = await attempt(notification);
      const delivery = deliveryOf(notification.id);
      if (!delivery || stopped) return;
      const sends = faults.current().notify?.duplicate ?? 1;
      if (accepted) delivery.state = 'delivered';
      if (accepted && delivery.attempts.filter((a) => a.accepted).length < sends)
        return tryFrom(notification, attemptNo, 0);
      const wait = scheduleMs[attemptNo];
      if (accepted) return;
      if (wait === undefined) {
        delivery.state = 'given_up';
        return log(`${notification.kind} ${notification.id} given up after ${delivery.attempts.length} attempts`);
      }
      tryFrom(notification, attemptNo + 1, wait * timeScale);
    });
  const start = (notification: Notification) => {
    const delivery = deliveryOf(notification.id);
    if (delivery) delivery.state = 'waiting';
    tryFrom(notification, 0, faults.current().notify?.delayMs ?? 0);
  };
  const releaseHeld = () => {
    const { hold, reorder } = faults.current().notify ?? {};
    if (hold || (reorder && held.length < 2)) return;
    const ready = reorder ? held.toReversed() : held;
    held = [];
    // One after the other: what was released first also arrives first.
    later(0, async () => {
      for (const notification of ready) {
        const accepted = await attempt(notification);
        const delivery = deliveryOf(notification.id);
        if (delivery) delivery.state = accepted ? 'delivered' : 'waiting';
        if (!accepted) tryFrom(notification, 1, (scheduleMs[0] ?? 0) * timeScale);
      }
    });
  };
  faults.onChange(() => {
    if (held.length > 0) releaseHeld();
  });

  return {
    send(notification: Notification) {
      if (stopped) return;
      const settings = faults.current().notify ?? {};
      const { id, subject, merchant, kind } = notification;
      deliveries.unshift({ id, subject, merchant, kind, state: settings.drop ? 'dropped' : 'held', attempts: [] });
      notifications.set(id, notification);
      for (const old of deliveries.splice(kept)) notifications.delete(old.id);
      if (settings.drop) return;
      if (!settings.hold && !settings.reorder) return start(notification);
      held.push(notification);
      releaseHeld();
    },
    /** Sends every notification about a subject once more, each at once and unchanged in id; answers the deliveries. */
    async resend(subject: string) {
      const found = deliveries.filter((d) => d.subject === subject).toReversed();
      for (const delivery of found) {
        const notification = notifications.get(delivery.id);
        if (notification && (await attempt(notification))) delivery.state = 'delivered';
      }
      return found;
    },
    list: (subject?: string) => deliveries.filter((d) => !subject || d.subject === subject),
    /** Cancels what waits and awaits what is under way. */
    async stop() {
      stopped = true;
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      for (const delivery of deliveries)
        if (delivery.state === 'waiting' || delivery.state === 'held') delivery.state = 'stopped';
      await Promise.all(running);
    },
  };
};
export type Notifier = ReturnType<typeof createNotifier>;
