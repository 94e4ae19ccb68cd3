import { expect, test } from '@jest/globals';
import { createWatchdog } from './kafka-watchdog.ts';

const quietMs = 60_000;
const [topic, other] = ['cn.identity.events', 'cn.billing.events'];

type State = {
  lag: (partitions: ReadonlyMap<string, readonly number[]>) => bigint;
  inHand: boolean;
  paused: Set<string>;
};

/** A watchdog on a clock of its own. `pass` lets time go by in steps of a second, with a heartbeat in each unless told otherwise. */
const watch = (over: Partial<State> & { onQuiet?: (error: Error) => void } = {}) => {
  const state: State = { lag: () => 0n, inHand: false, paused: new Set(), ...over };
  const reports: string[] = [];
  let time = 0;
  let asked = 0;
  let answerMs = 0;
  const dog = createWatchdog({
    quietMs,
    inHand: () => state.inHand,
    paused: (of, partition) => state.paused.has(`${of}/${partition}`),
    lagOf: async (partitions) => {
      asked += 1;
      time += answerMs;
      return state.lag(partitions);
    },
    onQuiet: over.onQuiet ?? ((error) => void reports.push(error.message)),
    clock: () => time,
  });
  dog.joined(
    new Map([
      [topic, [0, 1]],
      [other, [0]],
    ]),
  );
  const pass = async (seconds: number, { beating = true, each = () => {} } = {}) => {
    for (let n = 0; n < seconds; n += 1) {
      time += 1_000;
      if (beating) dog.alive();
      each();
      await dog.look();
    }
  };
  const answerIn = (ms: number) => {
    answerMs = ms;
  };
  return { state, reports, pass, dog, answerIn, asked: () => asked };
};

test('events wait and none is delivered: reported, not before the time', async () => {
  const { reports, pass } = watch({ lag: () => 5n });
  await pass(60);
  expect(reports).toEqual([]);
  await pass(1);
  expect(reports).toEqual([expect.stringMatching(/5 events wait/)]);
});

test('no heartbeat although the brokers answer: reported', async () => {
  const { reports, pass } = watch();
  await pass(61, { beating: false });
  expect(reports).toEqual([expect.stringMatching(/no heartbeat/)]);
});

test('nothing to do, or brokers that do not answer: not reported', async () => {
  const idle = watch();
  await idle.pass(200);
  expect(idle.reports).toEqual([]);
  expect(idle.asked()).toBeGreaterThanOrEqual(3);

  const away = watch({
    lag: () => {
      throw new Error('no broker');
    },
  });
  await away.pass(200, { beating: false });
  expect(away.reports).toEqual([]);
  expect(away.asked()).toBeGreaterThanOrEqual(3);
});

test('brokers that were away and are just back: reported only after that time without a heartbeat', async () => {
  let away = true;
  const { reports, pass } = watch({
    lag: () => {
      if (away) throw new Error('no broker');
      return 5n;
    },
  });
  await pass(60, { beating: false });
  away = false;
  await pass(45, { beating: false });
  expect(reports).toEqual([]);
  await pass(16, { beating: false });
  expect(reports[0]).toMatch(/no heartbeat/);
});

test('brokers that take long to answer: their time is not the time of the client', async () => {
  const { reports, pass, answerIn } = watch({ lag: () => 5n });
  answerIn(50_000);
  await pass(20, { beating: false });
  expect(reports).toEqual([]);
});

test('a batch in hand is not the time of the client, and neither asked about nor reported', async () => {
  const { reports, pass, asked } = watch({ lag: () => 5n, inHand: true });
  await pass(600, { beating: false });
  expect([reports, asked()]).toEqual([[], 0]);
});

test('a partition whose record is tried again and again does not hide that another is forgotten', async () => {
  const { state, reports, pass, dog } = watch({
    lag: (partitions) => (partitions.has(other) ? 3n : 0n),
  });
  // Five seconds in the handler, then a pause of one: for ever. The other partitions of the topic have nothing to do.
  let turn = 0;
  const each = () => {
    turn = (turn + 1) % 6;
    state.inHand = turn !== 0;
    if (turn === 1) dog.progressed(topic, 0);
    if (state.inHand) state.paused.delete(`${topic}/0`);
    else state.paused.add(`${topic}/0`);
  };
  await pass(500, { each });
  expect(reports[0]).toMatch(/3 events wait/);
});

test('what was delivered while the brokers were asked is not reported', async () => {
  const { reports, pass, dog } = watch({
    lag: () => {
      for (const partition of [0, 1]) dog.progressed(topic, partition);
      return 5n;
    },
  });
  await pass(61);
  expect(reports).toEqual([]);
});

test('a fault of whoever is told is not taken for brokers that do not answer', async () => {
  const { pass } = watch({
    lag: () => 5n,
    onQuiet: () => {
      throw new Error('told');
    },
  });
  await expect(pass(61)).rejects.toThrow('told');
});
