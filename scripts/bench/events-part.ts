// One service of the bench "events" in a process of its own: the publishing one (business transactions and relay) or the consuming one.
// Says through IPC when what happened: event id and milliseconds since the epoch, with fractions.
import { createConsumer } from '@meridian/kit/events/consumer.ts';
import type { EventBus } from '@meridian/kit/events/event-bus.ts';
import { createRelay } from '@meridian/kit/events/relay.ts';
import { newId } from '@meridian/kit/ids.ts';
import { openBus } from '@meridian/kit/run/open-bus.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { effectOfStep, newMetrics, now, openDatabase, region, takeStep } from '@meridian/testkit/event-bus/parts.ts';

export type PartOrders = {
  part: 'publishing' | 'consuming';
  databaseUrl: string;
  busUrl: string;
  topic: string;
};
/** What the parent may ask: events at a rate, the relay alone, or the end. */
export type Ask = { ask: 'publish'; perSecond: number; seconds: number } | { ask: 'relay' } | { ask: 'stop' };
export type Told =
  | { told: 'ready' }
  | { told: 'published'; at: [id: string, ms: number][]; seconds: number; cpuMs: number }
  | { told: 'applied'; at: [id: string, ms: number][]; cpuMs: number };

/** Processor time of this process so far. */
const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

const orders = JSON.parse(process.argv[2] ?? '') as PartOrders;
const log = createLog({ service: 'bench', region, level: process.env.MERIDIAN_TEST_LOG ?? 'error' });
const tell = (message: Told) => process.send?.(message);
const clock = () => performance.timeOrigin + performance.now();

const db = openDatabase(orders.databaseUrl);
const bus = openBus({ address: orders.busUrl, tls: undefined, service: 'bench', log, now });
const shared = { db, log, metrics: newMetrics() };

/** Notes each event after its handler, and so its transaction, is done. */
const noting = (inner: EventBus, note: (id: string) => void): EventBus => ({
  ...inner,
  subscribe: (options) =>
    inner.subscribe({
      ...options,
      handler: async (record, context) => {
        await options.handler(record, context);
        note(record.eventId);
      },
    }),
});

const tickMs = 10;
/** More than this many unfinished transactions mean that the machine cannot keep the rate: then the rate found is lower. */
const mostOpen = 100;
/** Starts transactions at an even rate, whether or not earlier ones are done. */
const publishAll = async (perSecond: number, seconds: number) => {
  const accounts = Array.from({ length: 500 }, () => newId('acc', region, now()));
  const at: [string, number][] = [];
  const running = new Set<Promise<void>>();
  const began = performance.now();
  const cpuBefore = cpuMs();
  const total = perSecond * seconds;
  const turns = new Map<string, Promise<unknown>>();
  for (let n = 0; n < total; ) {
    const due = Math.min(
      total,
      Math.floor(((performance.now() - began) / 1_000) * perSecond),
      n + mostOpen - running.size,
    );
    for (; n < due; n += 1) {
      const account = accounts[n % accounts.length] as string;
      const turn = (turns.get(account) ?? Promise.resolve()).then(async () => {
        const id = await takeStep(db, account, n);
        at.push([id, clock()]);
      });
      turns.set(account, turn);
      const open = turn.finally(() => running.delete(open));
      running.add(open);
    }
    await new Promise((resolve) => setTimeout(resolve, tickMs));
  }
  await Promise.all(running);
  tell({ told: 'published', at, seconds: (performance.now() - began) / 1_000, cpuMs: cpuMs() - cpuBefore });
};

const parts: { stop(): Promise<void> }[] = [];
const relay = createRelay({ ...shared, bus, topic: orders.topic });
const answer = async (message: Ask) => {
  if (message.ask === 'publish') return publishAll(message.perSecond, message.seconds);
  if (message.ask === 'relay') {
    relay.start();
    parts.push(relay);
    return;
  }
  await Promise.all(parts.map((part) => part.stop()));
  await bus.close(2_000);
  await db.close();
  process.disconnect();
};
process.on('message', (message: Ask) => void answer(message));

if (orders.part === 'consuming') {
  let noted: [string, number][] = [];
  const flush = () => {
    if (noted.length > 0) tell({ told: 'applied', at: noted, cpuMs: cpuMs() });
    noted = [];
  };
  const flushing = setInterval(flush, 200);
  const consumer = createConsumer({
    ...shared,
    service: 'billing',
    region,
    bus: noting(bus, (id) => void noted.push([id, clock()])),
    topics: [orders.topic],
    reactions: [effectOfStep],
    now,
  });
  await consumer.start();
  parts.push({
    stop: async () => {
      clearInterval(flushing);
      await consumer.stop();
      flush();
    },
  });
}
tell({ told: 'ready' });
