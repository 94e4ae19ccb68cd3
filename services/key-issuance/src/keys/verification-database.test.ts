import { expect, test } from '@jest/globals';
import { splitPool } from './verification-database.ts';

test.each([
  [2, 1, 1],
  [3, 1, 2],
  [8, 4, 4],
  [9, 4, 5],
])('of %i connections %i verify and %i do everything else', (all, verifying, rest) => {
  expect(splitPool(all)).toEqual({ verifying, rest });
});
