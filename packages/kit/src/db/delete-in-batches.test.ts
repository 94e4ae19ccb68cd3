import { describe, expect, test } from '@jest/globals';
import { deleteInBatches } from './delete-in-batches.ts';

/** A table of `rows` rows. */
const table = (rows: number) => {
  const asked: number[] = [];
  const deleteUpTo = async (limit: number) => {
    asked.push(limit);
    const deleted = Math.min(rows, limit);
    rows -= deleted;
    return deleted;
  };
  return { asked, deleteUpTo, left: () => rows };
};

describe('deleting in batches', () => {
  test('goes on until nothing is left, at most so many at a time', async () => {
    const full = table(25);
    expect(await deleteInBatches(full.deleteUpTo, { limit: 10, budgetMs: 10_000 })).toBe(25);
    expect(full.asked).toEqual([10, 10, 10]);
    const exact = table(20);
    expect(await deleteInBatches(exact.deleteUpTo, { limit: 10, budgetMs: 10_000 })).toBe(20);
    expect(exact.left()).toBe(0);
  });

  test('leaves the rest to the next sweep when its time is over or the service stops', async () => {
    const late = table(25);
    expect(await deleteInBatches(late.deleteUpTo, { limit: 10, budgetMs: 0 })).toBe(10);
    const stopped = table(25);
    const signal = AbortSignal.abort();
    expect(await deleteInBatches(stopped.deleteUpTo, { limit: 10, budgetMs: 10_000, signal })).toBe(10);
  });
});
