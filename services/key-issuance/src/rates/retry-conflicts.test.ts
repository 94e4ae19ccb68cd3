import { describe, expect, test } from '@jest/globals';
import { retryConflicts } from './retry-conflicts.ts';

const failing = (times: number, code: string) => {
  let calls = 0;
  const work = async () => {
    calls += 1;
    if (calls <= times) throw Object.assign(new Error('given up'), { code });
    return calls;
  };
  return { work, calls: () => calls };
};

describe('conflicts', () => {
  test('are repeated, a bounded number of times', async () => {
    expect(await retryConflicts(failing(2, '40P01').work)).toBe(3);
    expect(await retryConflicts(failing(1, '40001').work)).toBe(2);
    await expect(retryConflicts(failing(3, '40001').work)).rejects.toThrow('given up');
  });

  test('any other error is not repeated', async () => {
    const broken = failing(1, '57014');
    await expect(retryConflicts(broken.work)).rejects.toThrow('given up');
    expect(broken.calls()).toBe(1);
  });
});
