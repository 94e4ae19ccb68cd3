import { describe, expect, test } from '@jest/globals';
import { nextRules, type RuleText } from './rule.ts';
import { parseRules, readRulesFile, warnOfExamples } from './rules-file.ts';

const rule = (over: Partial<RuleText> = {}): RuleText => ({
  id: 'r',
  pattern: 'neutral',
  category: 'c',
  severity: 'note',
  weight: 1,
  mode: 'live',
  boundary: 'word',
  ...over,
});
const written = { id: 'r', pattern: 'neutral', category: 'c', severity: 'note', weight: 1 };
const policy = { windows: [{ seconds: 600, threshold: 10 }], protectionHours: 24 };
const file = (rules: unknown[]) => JSON.stringify({ policy, rules });

describe('versions', () => {
  test('an unchanged rule keeps its version, a changed one gets the next', () => {
    const current = [{ ...rule(), version: 3 }];
    expect(nextRules([rule()], current, new Map([['r', 3]]))).toEqual(current);
    expect(nextRules([rule({ weight: 2 })], current, new Map([['r', 3]]))).toEqual([
      { ...rule({ weight: 2 }), version: 4 },
    ]);
  });
  test('a rule that comes back never reuses a version', () => {
    expect(nextRules([rule()], [], new Map([['r', 3]]))[0]?.version).toBe(4);
  });
});

describe('the rules file', () => {
  test('the shipped examples are right', () => {
    const shipped = readRulesFile(undefined);
    expect(shipped.rules.length).toBeGreaterThan(3);
    expect(shipped.rules.find(({ id }) => id === 'example-block-zh')?.boundary).toBe('any');
    expect(shipped.rules.find(({ id }) => id === 'example-block')?.boundary).toBe('word');
  });
  test('a new rule starts in shadow unless it says otherwise', () => {
    expect(parseRules(file([written])).rules[0]).toEqual(rule({ mode: 'shadow' }));
  });
  test.each([
    ['not JSON', '{"secret-word'],
    ['an id twice', file([written, written])],
    ['an empty pattern', file([{ ...written, pattern: '' }])],
    ['a pattern of nothing but invisible characters', file([{ ...written, pattern: '\u200b\ufeff' }])],
    ['an unknown member', file([{ ...written, regex: true }])],
    ['a negative weight', file([{ ...written, weight: -1 }])],
    ['no window', JSON.stringify({ policy: { ...policy, windows: [] }, rules: [] })],
    ['no end of a protection', JSON.stringify({ policy: { windows: policy.windows }, rules: [] })],
  ])('refused: %s, and the message tells no word of it', (_, text) => {
    expect(() => parseRules(text)).toThrow(/RULES_FILE/);
    try {
      parseRules(text);
    } catch (error) {
      expect((error as Error).message).not.toMatch(/neutral|secret-word/);
    }
  });
  test('a file that is not there is a mistake of the configuration', () => {
    expect(() => readRulesFile('no/such/file.json')).toThrow('RULES_FILE: cannot be read');
  });
});

test.each([
  ['production', undefined, 1],
  ['production', '/run/secrets/rules.json', 0],
  ['embedded', undefined, 0],
] as const)(
  'in mode %s with the rules file %s, %d warning names the variable',
  (MERIDIAN_MODE, RULES_FILE, warnings) => {
    const warned: unknown[] = [];
    warnOfExamples({ warn: (message: unknown) => warned.push(message) }, { MERIDIAN_MODE, RULES_FILE });
    expect(warned).toEqual(Array(warnings).fill(expect.stringContaining('RULES_FILE')));
  },
);
