import { expect, test } from '@jest/globals';
import { crossingOf } from './balance.ts';

test.each([
  [10n, 0n, 'exhausted'],
  [10n, -5n, 'exhausted'],
  [0n, -5n, undefined],
  [-5n, 0n, undefined],
  [0n, 1n, 'restored'],
  [-5n, 1n, 'restored'],
  [10n, 1n, undefined],
  [0n, 0n, undefined],
])('from %s to %s is %s', (before, after, expected) => {
  expect(crossingOf(before, after)).toBe(expected);
});
