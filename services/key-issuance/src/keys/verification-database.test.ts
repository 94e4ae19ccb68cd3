import { expect, test } from '@jest/globals';
import { splitPool } from './verification-database.ts';

test.each([
  [3, 1, 1, 1],
  [4, 1, 1, 2],
  [8, 2, 2, 4],
  [9, 2, 2, 5],
])('of %i connections %i read, %i count and %i do everything else', (all, reading, counting, rest) => {
  expect(splitPool(all)).toEqual({ reading, counting, rest });
});
