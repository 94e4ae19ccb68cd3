import { getEventListeners } from 'node:events';
import { expect, jest, test } from '@jest/globals';
import { createLog } from '../telemetry/log.ts';
import { createBackground } from './background.ts';

const log = createLog({ service: 'test', region: 'xa', level: 'silent' });
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
  const background = createBackground(log);
  let finish: (() => void) | undefined;
  background.every(60_000, 'slow', () => new Promise((resolve) => (finish = resolve)));
  background.start();
  const stopped = background.stop();
  finish?.();
  expect(await within(stopped)).toBe('ended');
});

test('stopping between two turns ends at once', async () => {
  const background = createBackground(log);
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
  const background = createBackground(log);
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
