import { expect, test } from '@jest/globals';
import { type ChatRequest, outputLimit, plainRequest, streamedRequest } from './chat-request.ts';

const asked = (members: Partial<ChatRequest>): ChatRequest => ({
  model: 'm',
  messages: [{ role: 'user', content: 'hello' }],
  temperature: 0.5,
  ...members,
});
const limitsOf = (sent: object) => Object.fromEntries(Object.entries(sent).filter(([name]) => /^max_/.test(name)));

test.each<[Partial<ChatRequest>, object]>([
  [{}, {}],
  [{ max_tokens: null, max_completion_tokens: null }, {}],
  [{ max_tokens: 7 }, { max_tokens: 7 }],
  [{ max_completion_tokens: 7 }, { max_completion_tokens: 7 }],
  // Some upstreams look at one name and some at the other: the larger must reach neither.
  [{ max_tokens: 1, max_completion_tokens: 9_000 }, { max_completion_tokens: 1 }],
  [{ max_tokens: 9_000, max_completion_tokens: 1 }, { max_completion_tokens: 1 }],
  [{ max_tokens: 7, max_completion_tokens: null }, { max_tokens: 7 }],
])('a stream with %j goes on with %j', (members, limits) => {
  const request = asked({ stream: true, ...members });
  const sent = streamedRequest(request);
  expect(limitsOf(sent)).toEqual(limits);
  expect(Object.values(limits)[0]).toBe(outputLimit(request));
  expect(sent).toMatchObject({ model: 'm', temperature: 0.5, stream: true, stream_options: { include_usage: true } });
});

test('what is not streamed is bounded by what was held', () => {
  const sent = plainRequest(asked({ max_tokens: 5, max_completion_tokens: 9_000 }), 3);
  expect(limitsOf(sent)).toEqual({ max_completion_tokens: 3 });
  expect(sent).toMatchObject({ temperature: 0.5, stream: false });
  expect(limitsOf(plainRequest(asked({}), 4_096))).toEqual({ max_tokens: 4_096 });
});
