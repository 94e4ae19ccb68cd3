import { expect, test } from '@jest/globals';
import { decideScore, type ScoredHit } from './score.ts';

const policy = {
  windows: [
    { seconds: 600, threshold: 30 },
    { seconds: 86_400, threshold: 60 },
  ],
};
const hit = (over: Partial<ScoredHit> = {}): ScoredHit => ({
  ruleId: 'r',
  category: 'c',
  severity: 'note',
  weight: 5,
  live: true,
  fresh: true,
  overridden: false,
  ...over,
});

test.each<[string, ScoredHit[], number[], object]>([
  ['a note below every threshold passes', [hit()], [5, 5], {}],
  ['a block refuses the request only', [hit({ severity: 'block' })], [10, 10], { refuse: 'c' }],
  ['a sum that reaches a threshold protects', [hit()], [30, 30], { protect: 'c' }],
  ['any window will do', [hit()], [5, 60], { protect: 'c' }],
  ['the top severity protects by itself', [hit({ severity: 'protect' })], [5, 5], { protect: 'c', refuse: 'c' }],
  ['a context sent again is no new evidence', [hit({ severity: 'protect', fresh: false })], [90, 90], { refuse: 'c' }],
  [
    'an override keeps the rule from protecting, not from refusing',
    [hit({ severity: 'protect', overridden: true })],
    [0, 0],
    { refuse: 'c' },
  ],
  ['a shadow rule does nothing at all', [hit({ severity: 'protect', live: false })], [0, 0], {}],
  ['a shadow rule does not trigger what others summed up', [hit({ live: false })], [90, 90], {}],
  [
    'the worst hit names the category',
    [hit(), hit({ severity: 'block', category: 'worse' })],
    [30, 30],
    { protect: 'worse', refuse: 'worse' },
  ],
])('%s', (_, hits, sums, decision) => {
  expect(decideScore(hits, sums, policy)).toEqual(decision);
});
