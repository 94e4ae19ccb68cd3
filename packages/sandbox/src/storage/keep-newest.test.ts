import { expect, test } from '@jest/globals';
import { keepNewest } from './keep-newest.ts';

test('the oldest go first, and none while there is room', () => {
  const set = new Set(['a', 'b', 'c']);
  keepNewest(set, 3);
  expect([...set]).toEqual(['a', 'b', 'c']);
  keepNewest(set, 2);
  expect([...set]).toEqual(['b', 'c']);
  const map = new Map(['a', 'b', 'c'].map((key) => [key, 1]));
  keepNewest(map, 1);
  expect([...map.keys()]).toEqual(['c']);
});
