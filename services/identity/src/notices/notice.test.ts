import { expect, test } from '@jest/globals';
import { noticeBackOff } from './notice.ts';

test('a notice is tried often in its first hour, and every hour from then on', () => {
  const waits = Array.from({ length: 12 }, (_, failed) => noticeBackOff(failed + 1));
  expect(waits).toEqual([5, 30, 120, 600, 600, 600, 600, 600, 600, 3_600, 3_600, 3_600]);
});
