import { describe, expect, test } from '@jest/globals';
import { type Change, checkHistory, type Effect } from './history.ts';

const change = (n: number): Change => ({ eventId: `e${n}`, accountId: 'a', n });
const effect = (n: number): Effect => ({ ...change(n), seq: n });

describe('the checker', () => {
  test('accepts a history that kept every promise', () => {
    expect(checkHistory([1, 2, 3].map(change), [1, 2, 3].map(effect))).toEqual([]);
  });

  test.each([
    ['a lost event', [1, 2, 3], [1, 2], /lost/],
    ['a second effect', [1, 2], [1, 2, 2], /twice/],
    ['an effect of nothing', [1], [1, 2], /invented/],
    ['a wrong order', [1, 2, 3], [1, 3, 2], /order/],
    ['a hole', [1, 2, 3], [1, 3], /sequence/],
  ])('names %s', (_name, changes, effects, message) => {
    expect(checkHistory(changes.map(change), effects.map(effect)).join('\n')).toMatch(message);
  });

  test('does not mix accounts', () => {
    const b = { eventId: 'b1', accountId: 'b', n: 1 };
    expect(checkHistory([change(1), b, change(2)], [effect(1), { ...b, seq: 1 }, effect(2)])).toEqual([]);
  });
});
