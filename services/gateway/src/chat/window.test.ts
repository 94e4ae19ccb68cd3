import { describe, expect, test } from '@jest/globals';
import type { Hold } from '../metering/holds.ts';
import { createWindow } from './window.ts';

const setUp = (options: { size?: number; limit?: number; deadlineMs?: number } = {}) => {
  const state = {
    used: 0,
    asked: [] as { soFar: number; window: number }[],
    refuse: undefined as string | undefined,
    now: 0,
  };
  const hold: Pick<Hold, 'deadline' | 'extend'> = {
    deadline: () => new Date(options.deadlineMs ?? 600_000),
    extend: async ({ completionTokens }, window) => {
      state.asked.push({ soFar: completionTokens, window });
      if (state.refuse) throw Object.assign(new Error('refused'), { code: state.refuse });
    },
  };
  const window = createWindow({
    hold: hold as Hold,
    size: options.size ?? 100,
    limit: options.limit,
    soFar: () => ({ promptTokens: 1, cachedTokens: 0, completionTokens: state.used }),
    used: () => state.used,
    now: () => new Date(state.now),
  });
  return { state, window };
};

describe('the window of a stream', () => {
  test('what is held for needs no waiting; what is not is asked for first, as much as it takes', async () => {
    const { state, window } = setUp();
    expect(window.cover(100)).toBeUndefined();
    state.used = 90;
    await window.cover(500);
    expect(state.asked).toEqual([{ soFar: 90, window: 410 }]);
    expect(window.cover(500)).toBeUndefined();
    expect(window.cover(501)).toBeDefined();
  });

  test('is asked for ahead when a quarter is left, once', async () => {
    const { state, window } = setUp();
    state.used = 75;
    window.lookAhead();
    expect(state.asked).toEqual([]);
    state.used = 76;
    window.lookAhead();
    window.lookAhead();
    expect(state.asked).toEqual([{ soFar: 76, window: 100 }]);
    await Promise.resolve();
    expect(window.cover(176)).toBeUndefined();
  });

  test("once the caller's own limit is held for, nothing more is asked", async () => {
    const { state, window } = setUp({ limit: 150 });
    state.used = 80;
    await window.cover(120);
    expect(state.asked).toEqual([{ soFar: 80, window: 70 }]);
    state.used = 149;
    window.lookAhead();
    expect(window.cover(10_000)).toBeUndefined();
    expect(state.asked).toHaveLength(1);
  });

  const failed = () => new Promise((resolve) => setImmediate(resolve));

  test.each(['insufficient_balance', 'account_cancelled'])(
    'a refusal (%s) is told when the tokens are needed, not before, and nobody asks ahead again',
    async (code) => {
      const { state, window } = setUp();
      state.refuse = code;
      state.used = 90;
      window.lookAhead();
      await failed();
      // Late, too.
      state.now = 590_000;
      window.lookAhead();
      expect(state.asked).toHaveLength(1);
      expect(window.cover(100)).toBeUndefined();
      await expect(window.cover(101)).rejects.toThrow('refused');
    },
  );

  test.each([10_000, 600_000])(
    'billing that did not answer is asked again after a pause: deadline %d',
    async (deadlineMs) => {
      const { state, window } = setUp({ deadlineMs });
      state.refuse = 'unavailable';
      state.used = 90;
      window.lookAhead();
      await failed();
      state.now = 1_999;
      window.lookAhead();
      expect(state.asked).toHaveLength(1);
      state.now = 2_000;
      state.refuse = undefined;
      window.lookAhead();
      expect(state.asked).toHaveLength(2);
      await failed();
      expect(window.cover(190)).toBeUndefined();
    },
  );

  test('a hold about to run out is extended though little was used', () => {
    const { state, window } = setUp({ deadlineMs: 10_000 });
    state.used = 1;
    window.lookAhead();
    expect(state.asked).toHaveLength(1);
  });
});
