import { expect, test } from '@jest/globals';
import { isJustBound } from './just-bound.ts';

const at = (seconds: number) => new Date(Date.UTC(2026, 10, 22) + seconds * 1_000);

test('what was bound proves after a day, or from the begin of the account', () => {
  expect(isJustBound(at(0), at(0), at(60))).toBe(false);
  expect(isJustBound(at(60), at(0), at(120))).toBe(true);
  expect(isJustBound(at(60), at(0), at(60 + 86_399))).toBe(true);
  expect(isJustBound(at(60), at(0), at(60 + 86_400))).toBe(false);
});
