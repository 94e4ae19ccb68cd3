import { expect, test } from '@jest/globals';
import { judge } from './judge.ts';

const valid = { started: 10, ended: 20, valid: true };
const refused = { ...valid, valid: false };

test.each([
  ['valid with nothing against it', valid, [], undefined],
  ['refused for nothing', refused, [], 'refused a good key'],
  ['valid after an acknowledged end', valid, [{ asked: 1, acked: 9 }], 'accepted a dead key'],
  ['refused after an acknowledged end', refused, [{ asked: 1, acked: 9 }], undefined],
  ['valid beside an end', valid, [{ asked: 1, acked: 11 }], undefined],
  ['refused beside an end', refused, [{ asked: 15, acked: 30 }], undefined],
  ['refused before an end', refused, [{ asked: 21, acked: 30 }], 'refused a good key'],
  ['valid beside a lift', valid, [{ asked: 1, acked: 2, liftAsked: 15 }], undefined],
  ['valid before a lift', valid, [{ asked: 1, acked: 2, liftAsked: 21 }], 'accepted a dead key'],
  ['refused after a lift', refused, [{ asked: 1, acked: 2, liftAsked: 3, liftAcked: 9 }], 'refused a good key'],
  [
    'lifted once, closed twice',
    valid,
    [
      { asked: 1, acked: 2, liftAsked: 3, liftAcked: 4 },
      { asked: 1, acked: 5 },
    ],
    'accepted a dead key',
  ],
] as const)('%s', (_, verification, closures, verdict) => expect(judge(verification, [...closures])).toBe(verdict));
