import { describe, expect, test } from '@jest/globals';
import { createChatCompletion } from '@meridian/contracts/gateway.ts';
import { matchText } from '@meridian/contracts/moderation.ts';
import { maxQuestionBytes, textQuestions } from './texts.ts';

const textsOf = (...messages: { content: string }[]) => textQuestions(messages).flatMap(({ texts }) => texts);

describe('the text of a conversation', () => {
  test('is every string and text part, one text per message, nothing else', () => {
    const messages = [
      { content: 'one' },
      { content: [{ type: 'text', text: 'two' }, { type: 'image_url' }, { type: 'text', text: 'three' }] },
      { content: null },
      {},
    ];
    expect(textQuestions(messages)).toMatchObject([{ texts: ['one', 'two\nthree'] }]);
    expect(textQuestions([{ content: null }])).toEqual([]);
  });

  test('comes back in order, at most 2,000 texts a question', () => {
    const messages = Array.from({ length: 4_001 }, (_, i) => ({ content: String(i) }));
    expect(textQuestions(messages).map(({ texts }) => texts.length)).toEqual([2_000, 2_000, 1]);
    expect(textsOf(...messages)).toEqual(messages.map(({ content }) => content));
  });

  // 4,191,300 bytes: what just fits into the body of a call.
  test.each([
    ['letters', 'x', 4_191_300],
    ['Han characters', '字', 1_397_100],
    ['quotes, escaped', '"', 2_095_650],
    ['control characters, escaped', '\u0001', 698_550],
    ['emoji', '😀', 1_047_825],
    ['characters that cannot be seen', '\u200b', 1_397_100],
  ])('as large as a call can be, of %s, fits the contract of moderation in every question', (_, unit, count) => {
    const needle = 'NEEDLE';
    for (const at of [0, 262_141, 1_048_573, count]) {
      const content = unit.repeat(Math.min(at, count)) + needle + unit.repeat(Math.max(0, count - at));
      expect(Buffer.byteLength(JSON.stringify({ content }))).toBeLessThan(createChatCompletion.maxBodyBytes);
      const questions = textQuestions([{ content }]);
      for (const { texts, bytes } of questions) {
        const body = { texts: [...texts] };
        expect(bytes).toBeLessThanOrEqual(maxQuestionBytes);
        expect(Buffer.byteLength(JSON.stringify(body))).toBeLessThan(matchText.maxBodyBytes);
        expect(matchText.body.safeParse(body).success).toBe(true);
        // Half a surrogate pair would be refused as malformed.
        expect(texts.every((text) => text.isWellFormed())).toBe(true);
      }
      expect(questions.some(({ texts }) => texts.some((text) => text.includes(needle)))).toBe(true);
    }
  });

  test('that is cut is read with an overlap; what cannot be seen does not use it up', () => {
    const needle = `for${'\u200b'.repeat(3_000)}bidden`;
    for (const before of [262_141, 262_140 - 1_500, 262_144 - 3_004]) {
      const texts = textsOf({ content: 'x'.repeat(before) + needle + 'y'.repeat(300_000) });
      expect(texts.some((text) => text.includes(needle))).toBe(true);
      expect(texts.at(-1)?.endsWith('y')).toBe(true);
    }
  });
});
