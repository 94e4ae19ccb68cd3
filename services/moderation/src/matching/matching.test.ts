import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fingerprintOf } from './fingerprint.ts';
import { fold, foldNow } from './fold.ts';
import { createLiteralMatcher } from './literal-matcher.ts';
import type { Boundary, Pattern } from './matcher.ts';

let calls = 0;
const pace = async () => {
  calls += 1;
};
const textOf = ({ units, length }: ReturnType<typeof foldNow>) => String.fromCharCode(...units.subarray(0, length));
const patternsOf = (boundary: Boundary, ...patterns: string[]): Pattern[] =>
  patterns.map((pattern) => ({ pattern, boundary }));
/** What was found, as cut out of the original text from its offset on. */
const scan = async (patterns: Pattern[], text: string, limits = { perPattern: 10_000, total: 200 }) => {
  const folded = await fold(text, pace);
  const found = await createLiteralMatcher(patterns).scan(folded, limits, pace);
  return found.map(({ pattern, start, end }) => ({
    pattern: patterns[pattern]?.pattern,
    offset: folded.offsets[start] as number,
    end: end < folded.length ? folded.offsets[end] : text.length,
  }));
};
const words = async (patterns: Pattern[], text: string) => (await scan(patterns, text)).map(({ pattern }) => pattern);

describe('word boundaries', () => {
  const two = patternsOf('word', 'ok', 'king');
  test.each(['Smoking', 'a token', 'looking', 'ok_1', '0ok', 'éok', 'kings'])('%s holds no entry', async (text) => {
    expect(await words(two, text)).toEqual([]);
  });
  test.each(['ok', 'OK.', '(ok)', 'is it ok?', 'ｏｋ', '很ok的', 'o\u200bk', 'ok-ish'])('%s does', async (text) => {
    expect(await words(two, text)).toEqual(['ok']);
  });
  test('text written without blanks needs no boundary', async () => {
    expect(await words(patternsOf('any', '禁用示例'), '这是禁用示例词')).toEqual(['禁用示例']);
  });
  test('the boundary of an entry counts only at an edge that is a letter itself', async () => {
    expect(await words(patternsOf('word', '示例x'), '这示例x')).toEqual(['示例x']);
    expect(await words(patternsOf('word', '示例x'), '这示例xy')).toEqual([]);
  });
});

describe('folding', () => {
  test.each([
    ['full width', 'ＦＯＲＢＩＤＤＥＮ', 'forbidden'],
    ['case', 'ForBidden', 'forbidden'],
    ['zero width and soft hyphen', 'for\u200bbid\u00adden\ufeff', 'forbidden'],
    ['ligature', 'ﬁne', 'fine'],
    ['decomposed', 'cafe\u0301', 'café'],
    ['half-width katakana with its voice mark', 'ｶﾞ', 'ガ'],
    ['conjoining Hangul', '\u1112\u1161\u11ab', '한'],
    ['mathematical letters', '𝐟𝐨𝐫', 'for'],
    ['a mark without anything before it', '\u0301a', '\u0301a'],
    ['a lone surrogate', 'a\ud800b', 'a\ud800b'],
    ['real repeats stay', 'boook', 'boook'],
  ])('%s', (_, text, folded) => {
    expect(textOf(foldNow(text))).toBe(folded);
  });

  test.each([
    0xad, 0x34f, 0x61c, 0x115f, 0x1160, 0x17b4, 0x180b, 0x180e, 0x200b, 0x200d, 0x202a, 0x2060, 0x2061, 0x2066, 0x206f,
    0x3164, 0xfe0f, 0xfeff, 0xffa0, 0xfff0, 0x1bca0, 0x1d173, 0xe0001, 0xe0061, 0xe0100, 0xe0fff,
  ])('U+%x hides no word, wherever it stands and however often', async (code) => {
    const hidden = String.fromCodePoint(code);
    expect(textOf(foldNow(`${hidden}for${hidden}bid${hidden.repeat(40)}den${hidden}`))).toBe('forbidden');
    expect(textOf(foldNow(`cafe${hidden}`))).toBe('cafe');
    expect(await words(patternsOf('word', 'ok'), `is o${hidden}k${hidden}?`)).toEqual(['ok']);
  });
  test.each([0x34f, 0x200b, 0x2060, 0xfe0f, 0xe0061, 0xe0100])('U+%x keeps no mark from its letter', (code) => {
    expect(textOf(foldNow(`cafe${String.fromCodePoint(code)}\u0301`))).toBe('café');
  });
  test('half a tag is no tag', () => {
    expect(textOf(foldNow('a\udb40b\udc61c'))).toBe('a\udb40b\udc61c');
  });

  test('offsets speak of the original text', async () => {
    const text = 'ﷺ ﬁ １２ ａｂｃ cafe\u0301 禁用';
    expect(await scan(patternsOf('any', 'abc', 'café', '禁用', 'fi'), text)).toEqual([
      { pattern: 'fi', offset: text.indexOf('ﬁ'), end: text.indexOf('ﬁ') + 1 },
      { pattern: 'abc', offset: text.indexOf('ａ'), end: text.indexOf('ａ') + 3 },
      { pattern: 'café', offset: text.indexOf('cafe'), end: text.indexOf('cafe') + 5 },
      { pattern: '禁用', offset: text.indexOf('禁'), end: text.length },
    ]);
  });
});

test('every occurrence of every pattern, as indexOf finds them (differential)', async () => {
  const alphabet = fc.constantFrom('a', 'b', 'c', '示', '例', ' ');
  const word = fc.array(alphabet, { minLength: 1, maxLength: 4 }).map((a) => a.join(''));
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(word, { minLength: 1, maxLength: 8 }),
      fc.array(alphabet, { maxLength: 60 }).map((a) => a.join('')),
      async (list, text) => {
        const expected: string[] = [];
        for (let at = 0; at < text.length; at += 1)
          for (const one of list) if (text.startsWith(one, at)) expected.push(`${at} ${one}`);
        const found = await scan(patternsOf('any', ...list), text, { perPattern: 10_000, total: 10_000 });
        expect(found.map(({ offset, pattern }) => `${offset} ${pattern}`).sort()).toEqual(expected.sort());
      },
    ),
    { numRuns: 2_000 },
  );
});

test('a pattern inside a longer one that fails is still found', async () => {
  expect(await words(patternsOf('any', 'abcd', 'bc'), 'xabcy')).toEqual(['bc']);
});

test('nested patterns on equal characters stay under the cap, and the loop turns meanwhile', async () => {
  const nested = patternsOf('any', ...Array.from({ length: 200 }, (_, i) => 'a'.repeat(i + 1)));
  expect(await scan(nested, 'a'.repeat(20_000))).toHaveLength(200);
  calls = 0;
  await scan(patternsOf('any', 'zz'), 'a'.repeat(1_000_000));
  expect(calls).toBeGreaterThan(60);
});

test('a word said a thousand times does not hide another that comes after it', async () => {
  const text = `${'note '.repeat(1_000)} other`;
  const found = await scan(patternsOf('word', 'note', 'other'), text, { perPattern: 8, total: 100 });
  expect(found.map(({ pattern }) => pattern)).toEqual([...Array(8).fill('note'), 'other']);
});

describe('fingerprints', () => {
  const rule = { id: 'r1', version: 1 };
  const print = (text: string, of = rule, key = 'k') => {
    const folded = foldNow(text);
    const start = textOf(folded).indexOf('forbidden');
    return fingerprintOf(key, of, folded, { start, end: start + 9 });
  };
  const context = (before: string, after: string) => `${before}${'x'.repeat(40)} forbidden ${'y'.repeat(40)}${after}`;

  test('the same window is the same fingerprint wherever it stands and however it is written', () => {
    expect(print(context('hello ', ' bye'))).toBe(print(context('a longer beginning ', '')));
    expect(print(context('', ''))).toBe(print(context('', '').toUpperCase()));
    expect(print(context('', ''))).toMatch(/^[0-9a-f]{64}$/);
  });
  test('another window, rule, version or key is another', () => {
    const all = [
      print(context('', '')),
      print('forbidden'),
      print(context('', ''), { id: 'r2', version: 1 }),
      print(context('', ''), { id: 'r1', version: 2 }),
      print(context('', ''), rule, 'other'),
    ];
    expect(new Set(all).size).toBe(5);
  });
});
