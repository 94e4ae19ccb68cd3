import { describe, expect, test } from '@jest/globals';
import { tokensOf } from '@meridian/sandbox/model/tokens.ts';
import fc from 'fast-check';
import { createOutputMeter, promptTokensBound, promptTokensEstimate, readUsage } from './estimate.ts';

const prompt = (...contents: string[]) => ({ messages: contents.map((content) => ({ role: 'user', content })) });

describe('the bound of a prompt', () => {
  test('is at least its bytes, and at least what a tokenizer counts', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 5 }), (texts) => {
        const bound = promptTokensBound(prompt(...texts));
        const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
        const tokens = texts.reduce((sum, text) => sum + tokensOf(text).length + 4, 2);
        expect(bound).toBeGreaterThanOrEqual(bytes);
        expect(bound).toBeGreaterThanOrEqual(tokens);
        expect(promptTokensEstimate(prompt(...texts))).toBeLessThanOrEqual(bound);
      }),
    );
  });

  test('counts tools and media', () => {
    const plain = promptTokensBound(prompt('hi'));
    expect(promptTokensBound({ ...prompt('hi'), tools: ['x'.repeat(1_000)] } as never)).toBeGreaterThan(plain + 1_000);
    const picture = { messages: [{ content: [{ type: 'image_url', image_url: { url: 'https://x.example/y' } }] }] };
    expect(promptTokensBound(picture)).toBeGreaterThan(8_000);
  });
});

test('the estimate of a prompt counts tools and schemas, and stays below the bound', () => {
  const plain = promptTokensEstimate(prompt('hi'));
  for (const more of [{ tools: ['x'.repeat(4_000)] }, { response_format: { schema: { title: 'x'.repeat(4_000) } } }]) {
    const estimate = promptTokensEstimate({ ...prompt('hi'), ...more } as never);
    expect(estimate).toBeGreaterThan(plain + 1_000);
    expect(estimate).toBeLessThan(promptTokensBound({ ...prompt('hi'), ...more } as never));
  }
});

describe('the meter of delivered output', () => {
  test('counts the larger of chunks and bytes / 4, and foretells one more', () => {
    const meter = createOutputMeter();
    expect(meter.tokens()).toBe(0);
    meter.deliver([{ role: 'assistant', content: '' }]);
    expect(meter.tokens()).toBe(0);
    for (const content of ['a', 'b', 'c']) meter.deliver([{ content }]);
    expect(meter.tokens()).toBe(3);
    expect(meter.tokensWith([{ content: 'x'.repeat(397) }])).toBe(100);
    expect(meter.tokens()).toBe(3);
    meter.deliver([{ content: '海'.repeat(40) }]);
    expect(meter.tokens()).toBe(31);
  });

  test('counts all text of a delta: reasoning and tool arguments are output too', () => {
    const meter = createOutputMeter();
    meter.deliver([{ reasoning_content: 'x'.repeat(40), tool_calls: [{ function: { arguments: 'y'.repeat(40) } }] }]);
    expect(meter.tokens()).toBe(20);
  });
});

describe("the upstream's report", () => {
  test('is read with its cached part', () => {
    expect(readUsage({ prompt_tokens: 10, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 4 } })).toEqual(
      {
        promptTokens: 10,
        completionTokens: 5,
        cachedTokens: 4,
      },
    );
    expect(
      readUsage({ prompt_tokens: 3, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 9 } })?.cachedTokens,
    ).toBe(3);
  });

  test.each([
    null,
    undefined,
    {},
    'x',
    { prompt_tokens: -1, completion_tokens: 1 },
    { prompt_tokens: 1.5, completion_tokens: 1 },
  ])('%j is no report', (usage) => {
    expect(readUsage(usage)).toBeUndefined();
  });
});
