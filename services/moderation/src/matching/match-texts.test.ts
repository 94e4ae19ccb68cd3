import { expect, test } from '@jest/globals';
import type { RuleText } from '../rules/rule.ts';
import { createLiteralMatcher } from './literal-matcher.ts';
import { matchTexts } from './match-texts.ts';

const rule = (id: string, severity: RuleText['severity']) =>
  ({ id, version: 1, pattern: id, category: 'c', severity, weight: 1, mode: 'live', boundary: 'word' }) as const;
const rules = [rule('noted', 'note'), rule('blocked', 'block')];
const policy = { windows: [], protectionHours: 1, reviewHours: 1, overrideDays: 1 };
const set = { version: 1, policy, rules, matcher: createLiteralMatcher(rules) };
const match = (...texts: string[]) => matchTexts(texts, set, 'k'.repeat(32), () => undefined);

const blanks = ' '.repeat(64);
const padding = `${blanks}noted`.repeat(40) + blanks;
const uses = (of: number, from = 0) =>
  Array.from({ length: of }, (_, i) => `use number ${from + i} of noted in a sentence`);

test('the same surroundings many times are one hit, and hide no other use of the word', async () => {
  const [padded] = await match(padding);
  expect(await match(padding)).toHaveLength(1);
  const hits = await match(padding, ...uses(3));
  expect(hits).toHaveLength(4);
  expect(hits.map(({ fingerprint }) => fingerprint)).toContain(padded?.fingerprint);
  expect(await match(`${padding}${uses(1)[0]}`)).toHaveLength(2);
});

test('of many uses the newest are told: a long conversation does not hide what is said now', async () => {
  const told = (hits: Awaited<ReturnType<typeof match>>) => new Set(hits.map(({ fingerprint }) => fingerprint));
  const newest = await match(...uses(8, 12));
  expect(newest).toHaveLength(8);
  expect(told(await match(...uses(20)))).toEqual(told(newest));
});

test('what acts comes first, wherever it stands', async () => {
  expect((await match('blocked', ...uses(20))).map(({ ruleId }) => ruleId)).toEqual([
    'blocked',
    ...Array(8).fill('noted'),
  ]);
});
