import { afterEach, expect, test } from '@jest/globals';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { createWatchdog } from './kafka-watchdog.ts';

let stop = () => {};
afterEach(() => stop());

const watch = (state: { lag: () => bigint; busy?: boolean }) => {
  const reports: string[] = [];
  let asked = 0;
  const dog = createWatchdog({
    quietMs: 200,
    busy: () => state.busy ?? false,
    lagOf: async () => {
      asked += 1;
      return state.lag();
    },
    onQuiet: (error) => void reports.push(error.message),
  });
  dog.joined(new Map([['cn.identity.events', [0]]]));
  dog.start();
  const beating = setInterval(dog.alive, 20);
  stop = () => {
    clearInterval(beating);
    dog.stop();
  };
  return { reports, asked: () => asked, dog, stopBeating: () => clearInterval(beating) };
};

test('events wait and none is delivered: reported', async () => {
  const { reports } = watch({ lag: () => 5n });
  await waitFor(() => reports.length > 0);
  expect(reports[0]).toMatch(/5 events wait/);
});

test('no heartbeat although the brokers answer: reported', async () => {
  const { reports, stopBeating } = watch({ lag: () => 0n });
  stopBeating();
  await waitFor(() => reports.length > 0);
  expect(reports[0]).toMatch(/no heartbeat/);
});

test('nothing to do, a record in hand, or brokers that do not answer: not reported', async () => {
  const idle = watch({ lag: () => 0n });
  await waitFor(() => idle.asked() >= 3);
  expect(idle.reports).toEqual([]);
  stop();

  const state = { lag: () => 5n, busy: true };
  const busy = watch(state);
  busy.stopBeating();
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect([busy.reports, busy.asked()]).toEqual([[], 0]);
  stop();

  const away = watch({
    lag: () => {
      throw new Error('no broker');
    },
  });
  await waitFor(() => away.asked() >= 3);
  expect(away.reports).toEqual([]);
});
