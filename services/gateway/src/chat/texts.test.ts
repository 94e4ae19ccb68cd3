import { describe, expect, test } from '@jest/globals';
import { createChatCompletion } from '@meridian/contracts/gateway.ts';
import { matchText } from '@meridian/contracts/moderation.ts';
import { maxQuestionBytes, textQuestions } from './texts.ts';

type Call = Parameters<typeof textQuestions>[0];
const textsIn = (call: Call) => textQuestions(call).flatMap(({ texts }) => texts);
const textsOf = (...messages: { content: string }[]) => textsIn({ messages });

describe('the text of a conversation', () => {
  test('is every string and text part, one text per message; pictures and names of roles are none', () => {
    const messages = [
      { role: 'user', content: 'one' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'two' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,eHh4' } },
          { type: 'text', text: 'three' },
        ],
      },
      { role: 'tool', tool_call_id: 'call_9', content: null },
      { role: 'user' },
    ];
    expect(textQuestions({ model: 'm', user: 'u-1', messages })).toMatchObject([{ texts: ['one', 'two\nthree'] }]);
    expect(textQuestions({ messages: [{ content: null }] })).toEqual([]);
  });

  test('comes back in order, at most 2,000 texts a question', () => {
    const messages = Array.from({ length: 4_001 }, (_, i) => ({ content: String(i) }));
    expect(textQuestions({ messages }).map(({ texts }) => texts.length)).toEqual([2_000, 2_000, 1]);
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
      const questions = textQuestions({ messages: [{ content }] });
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

describe('text outside of what is said', () => {
  const bad = 'the forbidden words';
  const tool = (more: object) => ({ type: 'function', function: { name: 'f', ...more } });

  test.each<[string, object]>([
    ['the description of a tool', { tools: [tool({ description: bad })] }],
    ['a schema of parameters', { tools: [tool({ parameters: { properties: { id: { type: bad } } } })] }],
    ['a name in a schema', { tools: [tool({ parameters: { properties: { [bad]: { type: 'string' } } } })] }],
    ['what looks like an id in a schema', { tools: [tool({ parameters: { properties: { x: { id: 'bad' } } } })] }],
    ['functions', { functions: [{ name: 'f', description: bad }] }],
    ['the schema of the answer', { response_format: { type: 'json_schema', json_schema: { schema: { title: bad } } } }],
    ['a prediction', { prediction: { type: 'content', content: [{ type: 'text', text: bad }] } }],
    ['a sequence to stop at', { stop: ['x', bad] }],
    ['a member that this door does not know', { anything: { at: [{ all: bad }] } }],
    ['a user that is no id', { user: bad }],
  ])('(%s) is one more text', (_, members) => {
    const texts = textsIn({ messages: [{ content: 'hello' }], ...members });
    expect(texts).toEqual(['hello', expect.stringMatching(/the forbidden words|bad/)]);
  });

  test.each<[string, object]>([
    ['arguments of a call', { content: null, tool_calls: [{ id: 'call_1', ...tool({ arguments: bad }) }] }],
    ['arguments of a call of old', { content: null, function_call: { name: 'f', arguments: bad } }],
    ['the name of who speaks', { name: bad }],
    ['reasoning', { reasoning_content: bad }],
    ['details of reasoning', { reasoning_details: [{ type: 'reasoning.text', text: bad }] }],
    ['a refusal', { refusal: bad }],
    ['a part that refuses', { content: [{ type: 'refusal', refusal: bad }] }],
    ['the name of a file', { content: [{ type: 'file', file: { filename: bad, file_data: 'eHh4' } }] }],
    ['an id that is none', { content: null, tool_call_id: bad }],
    ['a role that is none', { content: null, role: bad }],
  ])('(%s) is a text of its message', (_, members) => {
    const texts = textsIn({ messages: [{ role: 'assistant', content: 'hello', ...members }, { content: 'end' }] });
    expect(texts.at(-1)).toBe('end');
    expect(texts.filter((text) => text.includes(bad))).toHaveLength(1);
    expect(texts.join('\n')).not.toMatch(/eHh4|call_1|assistant/);
  });

  test('is cut like all text, and parts nothing that is said', () => {
    const call = {
      messages: [
        {
          content: [
            { type: 'text', text: 'for', note: 'x' },
            { type: 'text', text: 'bidden' },
          ],
        },
      ],
      tools: [{ description: `${'x'.repeat(300_000)}end` }],
    };
    const [said, beside, ...rest] = textsIn(call);
    expect([said, beside]).toEqual(['for\nbidden', 'note\nx']);
    expect(rest).toHaveLength(2);
    expect(rest.at(-1)?.endsWith('end')).toBe(true);
  });
});
