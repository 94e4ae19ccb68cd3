// Delivers notifications to merchants as a payment channel does: asynchronously, again and again by a schedule, sometimes wrongly.
import type { Faults, NotifyFaults } from '../control/faults.ts';
import { type Book, openBook } from '../storage/book.ts';

/** What is to be told, as it was when it happened: a later state must not leak into it. `content` is plain JSON. */
export type Notification<C> = {
  id: string;
  /** What the notification is about: an order number. */
  subject: string;
  merchant: string;
  kind: string;
  url: string;
  content: C;
};

export type Delivery<C> = Notification<C> & {
  state: 'held' | 'waiting' | 'delivered' | 'given_up' | 'dropped';
  attempts: { at: string; status: number | null; accepted: boolean; error?: string }[];
  /** How many waiting times of the schedule are behind it. */
  waits: number;
  /** When it is sent next. */
  dueAt: string;
};

export type Outgoing = { url: string; headers: Record<string, string>; body: string };
export type Reply = { status: number; headers: Headers; body: string };

type Options<C> = {
  deliveries: Book<Delivery<C>>;
  /** Builds and signs what is sent; called once per attempt, as timestamp and nonce are fresh each time. */
  compose: (notification: Notification<C>, faults: NotifyFaults) => Outgoing;
  accepts: (notification: Notification<C>, reply: Reply) => boolean;
  faults: Pick<Faults<{ notify?: NotifyFaults | undefined }>, 'current' | 'onChange'>;
  /** Waiting times before each further attempt, in milliseconds of real time. */
  scheduleMs: readonly number[];
  timeScale: number;
  timeoutMs: number;
  now: () => Date;
  log: (line: string) => void;
};

const undelivered = ({ state }: { state: Delivery<unknown>['state'] }) => state === 'held' || state === 'waiting';

/** The notifications of one channel; those that are still to be delivered are never forgotten. */
export const openDeliveries = <C>(folder: string | undefined, channel: string) =>
  openBook<Delivery<C>>({ folder, name: `${channel}-notifications`, limit: 500, forgettable: (d) => !undelivered(d) });

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

export const createNotifier = <C>(options: Options<C>) => {
  const { deliveries, compose, accepts, faults, scheduleMs, timeScale, timeoutMs, now, log } = options;
  const timers = new Set<NodeJS.Timeout>();
  const running = new Set<Promise<void>>();
  let held: Delivery<C>[] = [];
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
  const keep = (delivery: Delivery<C>, changes: Partial<Delivery<C>>) =>
    deliveries.set(delivery.id, Object.assign(delivery, changes));

  const attempt = async (delivery: Delivery<C>): Promise<boolean> => {
    const answer = await post(compose(delivery, faults.current().notify ?? {}), timeoutMs);
    const accepted = 'status' in answer && accepts(delivery, answer);
    delivery.attempts.push({
      at: now().toISOString(),
      status: 'status' in answer ? answer.status : null,
      accepted,
      ...('error' in answer && { error: answer.error }),
    });
    keep(delivery, accepted ? { state: 'delivered' } : {});
    return accepted;
  };
  const tryAfter = (delivery: Delivery<C>, delayMs: number): void =>
    later(delayMs, async () => {
      if (await attempt(delivery)) {
        const sends = faults.current().notify?.duplicate ?? 1;
        if (delivery.attempts.filter((a) => a.accepted).length < sends) tryAfter(delivery, 0);
      } else if (!stopped) retry(delivery);
    });
  const retry = (delivery: Delivery<C>) => {
    const wait = scheduleMs[delivery.waits];
    if (wait === undefined) {
      keep(delivery, { state: 'given_up' });
      return log(`${delivery.kind} ${delivery.id} given up after ${delivery.attempts.length} attempts`);
    }
    const delayMs = wait * timeScale;
    const dueAt = new Date(now().getTime() + delayMs).toISOString();
    keep(delivery, { state: 'waiting', waits: delivery.waits + 1, dueAt });
    tryAfter(delivery, delayMs);
  };
  const releaseHeld = () => {
    const { hold, reorder } = faults.current().notify ?? {};
    if (hold || (reorder && held.length < 2)) return;
    const ready = reorder ? held.toReversed() : held;
    held = [];
    // One after the other: what was released first also arrives first.
    later(0, async () => {
      for (const delivery of ready) if (!(await attempt(delivery)) && !stopped) retry(delivery);
    });
  };
  faults.onChange(() => {
    if (held.length > 0) releaseHeld();
  });

  return {
    send(notification: Notification<C>) {
      if (stopped) return;
      const { drop, hold, reorder, delayMs = 0 } = faults.current().notify ?? {};
      const state = drop ? 'dropped' : hold || reorder ? 'held' : 'waiting';
      const dueAt = new Date(now().getTime() + delayMs).toISOString();
      const delivery: Delivery<C> = { ...notification, state, attempts: [], waits: 0, dueAt };
      keep(delivery, {});
      if (state === 'waiting') tryAfter(delivery, delayMs);
      if (state !== 'held') return;
      held.push(delivery);
      releaseHeld();
    },
    /** Sends on what an earlier process left; each when it is due, and what was held, at once. */
    resume() {
      for (const delivery of deliveries.values().filter(undelivered)) {
        keep(delivery, { state: 'waiting' });
        tryAfter(delivery, Math.max(0, Date.parse(delivery.dueAt) - now().getTime()));
      }
    },
    /** Sends every notification about a subject once more, each at once and unchanged in id; answers how many there are. */
    async resend(subject: string) {
      const found = deliveries.values().filter((d) => d.subject === subject);
      for (const delivery of found) await attempt(delivery);
      return found.length;
    },
    /** Newest first. */
    list: (subject: string) =>
      deliveries
        .values()
        .filter((d) => d.subject === subject)
        .toReversed()
        .map(({ id, merchant, kind, state, attempts }) => ({ id, subject, merchant, kind, state, attempts })),
    /** Cancels what waits and awaits what is under way. */
    async stop() {
      stopped = true;
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      await Promise.all(running);
    },
  };
};
