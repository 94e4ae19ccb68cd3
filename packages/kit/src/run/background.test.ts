import { getEventListeners } from 'node:events';
import { expect, jest, test } from '@jest/globals';
import { unheardAlarms } from '@meridian/testkit/service/unheard-alarms.ts';
import { createLog } from '../telemetry/log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { createBackground } from './background.ts';

const log = createLog({ service: 'test', region: 'xa', level: 'silent' });
const metrics = createMetrics({ processMetrics: false });
const within = async (work: Promise<unknown>) => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve('hangs'), 2_000);
  });
  const first = await Promise.race([work.then(() => 'ended'), late]);
  clearTimeout(timer);
  return first;
};

test('stopping while a job runs waits for the job, not for its next turn', async () => {
  const background = createBackground(log, metrics);
  let finish: (() => void) | undefined;
  background.every(60_000, 'slow', () => new Promise<void>((resolve) => (finish = resolve)));
  background.start();
  const stopped = background.stop();
  finish?.();
  expect(await within(stopped)).toBe('ended');
});

test('stopping between two turns ends at once', async () => {
  const background = createBackground(log, metrics);
  background.every(60_000, 'quick', async () => undefined);
  background.start();
  await new Promise((resolve) => setImmediate(resolve));
  expect(await within(background.stop())).toBe('ended');
});

test('a failing job runs again, and turns leave no listeners behind', async () => {
  const signals = new Set<AbortSignal>();
  const add = AbortSignal.prototype.addEventListener;
  const spy = jest.spyOn(AbortSignal.prototype, 'addEventListener').mockImplementation(function (
    this: AbortSignal,
    ...all
  ) {
    signals.add(this);
    return add.apply(this, all as Parameters<typeof add>);
  });
  const background = createBackground(log, metrics);
  let turns = 0;
  const twenty = new Promise<void>((resolve) => {
    background.every(1, 'failing', async () => {
      turns += 1;
      if (turns === 20) resolve();
      throw new Error('again');
    });
  });
  background.start();
  await twenty;
  for (const signal of signals) expect(getEventListeners(signal, 'abort').length).toBeLessThan(5);
  await background.stop();
  spy.mockRestore();
});

test('a job that did a full share runs again at once, until it is through or the service stops', async () => {
  const background = createBackground(log, metrics);
  let left = 3;
  const through = Promise.withResolvers<void>();
  background.every(60_000, 'sharing', async () => {
    left -= 1;
    if (left === 0) through.resolve();
    return left > 0;
  });
  let shares = 0;
  const many = Promise.withResolvers<void>();
  background.every(60_000, 'endless', async () => {
    shares += 1;
    if (shares === 5) many.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    return true;
  });
  background.start();
  expect(await within(Promise.all([through.promise, many.promise]))).toBe('ended');
  expect(await within(background.stop())).toBe('ended');
  expect(left).toBe(0);
});

test('a job whose last run failed is told in the metrics until one succeeds, and a rule listens', async () => {
  const own = createMetrics({ processMetrics: false });
  const background = createBackground(log, own);
  const failing = async () => (await own.jobFailing.get()).values.map(({ labels, value }) => [labels.name, value]);
  const again = [Promise.withResolvers<unknown>(), Promise.withResolvers<unknown>()] as const;
  let turn = 0;
  background.every(1, 'failing once', async () => {
    turn += 1;
    if (turn === 1) throw new Error('once');
    again[turn - 2]?.resolve(await failing());
  });
  expect(await failing()).toEqual([['failing once', 0]]);
  background.start();
  expect(await again[0].promise).toEqual([['failing once', 1]]);
  expect(await again[1].promise).toEqual([['failing once', 0]]);
  await background.stop();
  expect(unheardAlarms(await own.registry.metrics(), 'background_')).toEqual([]);
});
