// The member's own rules, on a client that does what the test says. What kafkajs itself does is tested on brokers.
import { expect, test } from '@jest/globals';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { pino } from 'pino';
import type { RecordHandler } from './event-bus.ts';
import { createKafkaBus } from './kafka-bus.ts';
import type { EachBatchPayload, Kafka } from './kafka-client.ts';
import { createKafkaSubscription } from './kafka-subscription.ts';

const topic = 'cn.identity.events';
const timing = { sessionMs: 1_000, handlerMs: 100, rebalanceMs: 1_000, fetchWaitMs: 10, watchdogMs: 2_000 };
const log = pino({ level: 'silent' });

/** A consumer of kafkajs's shape: `emit` its events, `deliver` batches, and see what was committed, resolved and paused. */
const fakeClient = () => {
  const listeners = new Map<string, (event: { payload: unknown }) => void>();
  const committed: { partition: number; offset: string }[] = [];
  const resolved: string[] = [];
  const paused: number[] = [];
  let each: (payload: EachBatchPayload) => Promise<void> = async () => undefined;
  const consumer = {
    events: { REBALANCING: 'rebalancing', GROUP_JOIN: 'join', HEARTBEAT: 'beat', CRASH: 'crash' },
    on: (name: string, listener: (event: { payload: unknown }) => void) => void listeners.set(name, listener),
    connect: async () => undefined,
    disconnect: async () => undefined,
    subscribe: async () => undefined,
    run: async ({ eachBatch }: { eachBatch: typeof each }) => {
      each = eachBatch;
    },
  };
  const deliver = (partition: number, ...offsets: number[]) =>
    each({
      batch: { topic, partition, messages: offsets.map((offset) => ({ offset: String(offset), value: '{}' })) },
      resolveOffset: (offset: string) => void resolved.push(`${partition}:${offset}`),
      heartbeat: async () => undefined,
      isRunning: () => true,
      isStale: () => false,
      commitOffsetsIfNecessary: async ({ topics }: { topics: { partitions: typeof committed }[] }) =>
        void committed.push(...topics.flatMap(({ partitions }) => partitions)),
      pause: () => {
        paused.push(partition);
        return () => undefined;
      },
    } as unknown as EachBatchPayload);
  const emit = (name: string, payload: unknown = {}) => listeners.get(name)?.({ payload });
  return { client: { consumer: () => consumer } as unknown as Kafka, committed, resolved, paused, deliver, emit };
};

const subscribed = async (handler: RecordHandler) => {
  const fake = fakeClient();
  const errors: Error[] = [];
  const joined: boolean[] = [];
  const subscription = await createKafkaSubscription({
    client: fake.client,
    log,
    group: 'billing',
    topics: [topic],
    handler,
    timing,
    concurrency: 4,
    lagOf: async () => 0n,
    onFatal: (error) => void errors.push(error),
    onMembership: (is) => void joined.push(is),
  });
  fake.emit('join', { memberAssignment: { [topic]: [0, 1] } });
  return { ...fake, errors, joined, subscription };
};

test('a handler that hangs is told to give up, its partition pauses, and others go on', async () => {
  let told = false;
  const handled: number[] = [];
  const { deliver, paused, resolved, subscription } = await subscribed(async ({ partition }, { signal }) => {
    if (partition === 1) return void handled.push(partition);
    signal.addEventListener('abort', () => {
      told = true;
    });
    await new Promise(() => undefined);
  });
  // Resolves although the handler never does.
  await Promise.all([deliver(0, 7, 8), deliver(1, 3)]);
  expect({ told, paused, handled, resolved }).toEqual({ told: true, paused: [0], handled: [1], resolved: ['1:3'] });
  await subscription.close(10);
});

test.each([
  ['TypeError', () => new TypeError('x is not a function')],
  ['any other', () => new Error('not now')],
])('%s of a handler does not reach the client: the record comes again', async (_name, make) => {
  const { deliver, paused, resolved, errors, subscription } = await subscribed(async () => {
    throw make();
  });
  await deliver(0, 7, 8);
  expect({ paused, resolved, errors }).toEqual({ paused: [0], resolved: [], errors: [] });
  await subscription.stop();
});

test('a long batch ends, so that the other partitions get their turn; what is left of it is fetched again', async () => {
  const { deliver, resolved, subscription } = await subscribed(() => new Promise((resolve) => setTimeout(resolve, 60)));
  await deliver(0, 1, 2, 3, 4, 5, 6);
  expect(resolved.length).toBeGreaterThanOrEqual(1);
  expect(resolved.length).toBeLessThan(6);
  await subscription.stop();
});

test('what ends after partitions were assigned anew leaves no offset in the new generation', async () => {
  let end = () => {};
  const { deliver, committed, emit, subscription } = await subscribed(
    () =>
      new Promise<void>((resolve) => {
        end = resolve;
      }),
  );
  const late = deliver(0, 7);
  emit('join', { memberAssignment: { [topic]: [1] } });
  end();
  await late;
  const ours = deliver(1, 3);
  end();
  await ours;
  await waitFor(() => committed.length > 0);
  await subscription.stop();
  expect(committed.map(({ partition, offset }) => [partition, offset])).toEqual([[1, '4']]);
});

test('tells when it joined, and when it lost the brokers', async () => {
  const { emit, joined, errors, subscription } = await subscribed(async () => undefined);
  emit('crash', { restart: true, error: new Error('no broker') });
  emit('join', { memberAssignment: {} });
  expect({ joined, errors }).toEqual({ joined: [true, false, true], errors: [] });
  emit('crash', { restart: false, error: new Error('no way') });
  expect(errors).toHaveLength(1);
  await subscription.stop();
});

test('ends with the name of the command that mends it when its rights are gone, as on brokers that came back empty', async () => {
  const { emit, errors, subscription } = await subscribed(async () => undefined);
  const refused = Object.assign(new Error('Not authorized to access group'), { type: 'GROUP_AUTHORIZATION_FAILED' });
  emit('crash', { restart: false, error: refused });
  expect(errors.map(String)).toEqual([expect.stringContaining('run the job kafka-prepare')]);
  await subscription.stop();
});

test.each([
  [{ watchdogMs: 60_000 }, /watchdogMs \(60000\) must be at least twice rebalanceMs \(60000\)/],
  [{ handlerMs: 15_000 }, /handlerMs \(15000\) must be less than half of sessionMs/],
])('times that would kill a healthy member are refused: %j', (wrong, message) => {
  const make = (more: object) =>
    createKafkaBus({
      brokers: ['127.0.0.1:1'],
      clientId: 't',
      log,
      now: () => new Date(),
      timing: more,
      onFatal: () => {},
    });
  expect(() => make(wrong)).toThrow(message);
  expect(() => make({})).not.toThrow();
});
