import { expect, test } from '@jest/globals';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { pino } from 'pino';
import { createOffsets } from './kafka-offsets.ts';

const log = pino({ level: 'silent' });
type Commit = { topic: string; partition: number; offset: string }[];

test('offsets of several records and partitions go out together, the newest of each', async () => {
  const commits: Commit[] = [];
  const offsets = createOffsets({ commit: async (some) => void commits.push(some), everyMs: 20, log });
  for (const next of [1n, 2n, 3n]) offsets.handled('t', 0, next);
  offsets.handled('t', 1, 7n);
  await waitFor(() => commits.length > 0);
  expect(commits).toEqual([
    [
      { topic: 't', partition: 0, offset: '3' },
      { topic: 't', partition: 1, offset: '7' },
    ],
  ]);
});

test('a commit that fails is repeated, but never over a newer one, and not after partitions were assigned anew', async () => {
  const commits: Commit[] = [];
  let failures = 1;
  const offsets = createOffsets({
    commit: async (some) => {
      if (failures > 0) {
        failures -= 1;
        offsets.handled('t', 0, 9n);
        throw new Error('not now');
      }
      commits.push(some);
    },
    everyMs: 20,
    log,
  });
  offsets.handled('t', 0, 5n);
  offsets.handled('t', 1, 6n);
  await waitFor(() => commits.length > 0);
  expect(commits[0]).toEqual([
    { topic: 't', partition: 0, offset: '9' },
    { topic: 't', partition: 1, offset: '6' },
  ]);
  offsets.handled('t', 0, 10n);
  offsets.forget();
  await offsets.flush();
  expect(commits).toHaveLength(1);
  offsets.stop();
});

test('a commit that was under way when partitions were assigned anew, and fails, is not repeated', async () => {
  const commits: Commit[] = [];
  let refuse = (_: Error) => {};
  const offsets = createOffsets({
    commit: (some) => {
      commits.push(some);
      if (commits.length > 1) return Promise.resolve();
      return new Promise((_, reject) => {
        refuse = reject;
      });
    },
    everyMs: 5,
    log,
  });
  offsets.handled('t', 0, 500n);
  const underWay = offsets.flush();
  await waitFor(() => commits.length === 1);
  offsets.forget();
  refuse(new Error('the generation is over'));
  await underWay;
  offsets.handled('t', 1, 1n);
  await offsets.flush();
  expect(commits[1]).toEqual([{ topic: 't', partition: 1, offset: '1' }]);
  offsets.stop();
});
