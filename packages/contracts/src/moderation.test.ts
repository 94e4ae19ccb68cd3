import { expect, test } from '@jest/globals';
import { hit } from './moderation.ts';

test.each([
  [0, false],
  [1, true],
  [2_147_483_647, true],
  [3_000_000_000, false],
])('a hit of version %d, which the database must hold: %s', (version, taken) => {
  const one = { ruleId: 'r', version, fingerprint: '0'.repeat(64), offset: 0 };
  expect(hit.safeParse(one).success).toBe(taken);
});
