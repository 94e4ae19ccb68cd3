import { describe, expect, test } from '@jest/globals';
import { matchText } from '@meridian/contracts/moderation.ts';
import { textQuestions } from './texts.ts';

describe('the text of a conversation', () => {
  test('is every string and text part, one text per message, nothing else', () => {
    const messages = [
      { content: 'one' },
      { content: [{ type: 'text', text: 'two' }, { type: 'image_url' }, { type: 'text', text: 'three' }] },
      { content: null },
      {},
    ];
    expect(textQuestions(messages)).toEqual([['one', 'two\nthree']]);
    expect(textQuestions([{ content: null }])).toEqual([]);
  });

  test('always fits the contract of moderation, and nothing falls between two pieces', () => {
    const needle = 'NEEDLE';
    const long = 'x'.repeat(1_048_573) + needle + 'y'.repeat(1_100_000);
    const questions = textQuestions([...Array.from({ length: 1_999 }, () => ({ content: 'a' })), { content: long }]);
    for (const texts of questions) expect(matchText.body.safeParse({ texts }).success).toBe(true);
    expect(questions.flat().some((text) => text.includes(needle))).toBe(true);
    expect(questions.flat().at(-1)?.endsWith('y')).toBe(true);
  });
});
