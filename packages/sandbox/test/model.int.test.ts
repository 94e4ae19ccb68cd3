import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { countTokens, tokensOf } from '../src/model/tokens.ts';
import { startTestSandbox, type TestSandbox, waitFor } from './support/sandbox.ts';

let sandbox: TestSandbox;
beforeAll(async () => {
  sandbox = await startTestSandbox();
});
afterAll(() => sandbox.stop());
beforeEach(() => sandbox.json('DELETE', '/control'));

const ask = (content: string, changes: object = {}, init: RequestInit = {}) =>
  fetch(`${sandbox.of('cn').model.baseUrl}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${sandbox.of('cn').model.apiKey}` },
    body: JSON.stringify({ model: 'meridian-small', messages: [{ role: 'user', content }], ...changes }),
    ...init,
  });
const askJson = async (content: string, changes: object = {}) => {
  const answer = await ask(content, changes);
  return { status: answer.status, headers: answer.headers, body: JSON.parse(await answer.text()) };
};
/** Reads server-sent events; `whole` is false if the connection broke. */
const readEvents = async (answer: Response) => {
  const decoder = new TextDecoder();
  let text = '';
  let whole = true;
  try {
    for await (const bytes of answer.body ?? []) text += decoder.decode(bytes, { stream: true });
  } catch {
    whole = false; // The test asks for broken streams.
  }
  const events = text.split('\n\n').flatMap((block) => (block.startsWith('data: ') ? [block.slice(6)] : []));
  const chunks = events.filter((event) => event !== '[DONE]').map((event) => JSON.parse(event));
  return { events, chunks, whole, content: chunks.map((chunk) => chunk.choices?.[0]?.delta.content ?? '').join('') };
};
const streaming = { stream: true, stream_options: { include_usage: true } };

describe('tokens', () => {
  test.each([
    ['hello world', 2],
    ['海纳百川', 4],
    ['a 海 b', 3],
    ['internationalization', 4],
    ['one, two.', 4],
    ['', 0],
  ])('%j counts %d', (text, count) => {
    expect(countTokens(text)).toBe(count);
    expect(tokensOf(text).join('')).toBe(text);
  });
  test('joined are the text again, whatever it holds', () => {
    for (const text of ['  lead', 'trail  ', 'a\n\nb\t', '😀 emoji 混合 mixed', '  '])
      expect(tokensOf(text).join('')).toBe(text);
  });
});

describe('chat completions', () => {
  test('list the models and refuse a wrong key', async () => {
    const list = await fetch(`${sandbox.of('cn').model.baseUrl}/models`, {
      headers: { authorization: `Bearer ${sandbox.of('global').model.apiKey}` },
    });
    expect(((await list.json()) as { data: { id: string }[] }).data.map((m) => m.id)).toContain('meridian-small');
    const refused = await ask('hi', {}, { headers: { authorization: 'Bearer sk-wrong' } });
    expect(refused.status).toBe(401);
    expect(await refused.json()).toEqual({
      error: {
        message: 'Incorrect API key provided.',
        type: 'invalid_request_error',
        param: null,
        code: 'invalid_api_key',
      },
    });
  });
  test('echo, obey directives, and count what they say', async () => {
    const echo = await askJson('hello world');
    expect(echo.body.choices[0]).toMatchObject({
      message: { role: 'assistant', content: 'You said: hello world' },
      finish_reason: 'stop',
    });
    expect(echo.body.usage).toMatchObject({
      prompt_tokens: 8,
      completion_tokens: 5,
      total_tokens: 13,
      prompt_tokens_details: { cached_tokens: 0 },
    });
    expect((await askJson('please write 50 words')).body.usage.completion_tokens).toBe(50);
    expect((await askJson('写20个字')).body.choices[0].message.content).toHaveLength(20);
    expect((await askJson('say: exactly this')).body.choices[0].message.content).toBe('exactly this');
  });
  test('stop at max_tokens', async () => {
    const cut = await askJson('write 50 words', { max_tokens: 7 });
    expect(cut.body.choices[0].finish_reason).toBe('length');
    expect(cut.body.usage.completion_tokens).toBe(7);
    expect(countTokens(cut.body.choices[0].message.content)).toBe(7);
  });
  test('stream the same content in chunks, with usage last', async () => {
    const { events, chunks, content, whole } = await readEvents(await ask('write 30 words', streaming));
    expect(whole).toBe(true);
    expect(content).toBe((await askJson('write 30 words')).body.choices[0].message.content);
    expect(chunks.length).toBeGreaterThan(8);
    expect(events.at(-1)).toBe('[DONE]');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 30 } });
    expect(chunks.at(-2).choices[0].finish_reason).toBe('stop');
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
    const plain = await readEvents(await ask('hello', { stream: true }));
    expect(plain.chunks.some((chunk) => 'usage' in chunk)).toBe(false);
  });
  test('report the repeated start of a prompt as cached, in blocks of 64', async () => {
    const long = Array.from({ length: 200 }, (_, i) => `w${i}`).join(' ');
    const first = await askJson(`${long} one`);
    const second = await askJson(`${long} two`);
    expect(first.body.usage.prompt_tokens_details.cached_tokens).toBe(0);
    expect(second.body.usage.prompt_tokens_details.cached_tokens).toBe(192);
  });
  test.each([
    ['an unknown model', { model: 'no-such' }, 404, 'model_not_found'],
    ['no messages', { messages: [] }, 400, null],
    [
      'a context that is full',
      { model: 'meridian-tiny-context', messages: [{ role: 'user', content: 'word '.repeat(300) }] },
      400,
      'context_length_exceeded',
    ],
    ['stream_options without stream', { stream_options: { include_usage: true } }, 400, null],
  ])('refuse %s', async (_what, changes, status, code) => {
    const answer = await askJson('hi', changes);
    expect(answer.status).toBe(status);
    expect(answer.body.error).toMatchObject({ type: 'invalid_request_error', code });
  });
});

describe('misbehaviour', () => {
  test('breaks a stream after the asked number of chunks', async () => {
    await sandbox.control('model', { breakStreamAfter: 3 });
    const { chunks, whole, content } = await readEvents(await ask('write 100 words', streaming));
    expect(whole).toBe(false);
    expect(countTokens(content)).toBe(12);
    expect(chunks).toHaveLength(4);
    await waitFor(async () => (await sandbox.requestsOf('model')).items[0]?.outcome === 'stream_broken');
  });
  test('sends an error inside the stream, omits usage or [DONE]', async () => {
    await sandbox.control('model', { errorInStreamAfter: 1 });
    expect((await readEvents(await ask('write 20 words', streaming))).chunks.at(-1)).toHaveProperty('error');
    await sandbox.control('model', { omitUsage: true, omitDone: true });
    const { chunks, events } = await readEvents(await ask('write 20 words', streaming));
    expect(chunks.some((chunk) => 'usage' in chunk)).toBe(false);
    expect(events).not.toContain('[DONE]');
    expect((await askJson('hello')).body).not.toHaveProperty('usage');
  });
  test('answers 500 and 429 in the form of the original', async () => {
    await sandbox.control('model', { fail: { status: 500, times: 1 } });
    expect(await askJson('hi')).toMatchObject({ status: 500, body: { error: { type: 'server_error' } } });
    await sandbox.control('model', { rateLimit: { retryAfterSeconds: 7, times: 1 } });
    const limited = await askJson('hi');
    expect(limited).toMatchObject({ status: 429, body: { error: { code: 'rate_limit_exceeded' } } });
    expect(limited.headers.get('retry-after')).toBe('7');
    expect((await askJson('hi')).status).toBe(200);
  });
  test('streams slowly and notices a client that leaves', async () => {
    await sandbox.control('model', { chunkDelayMs: 30, tokensPerChunk: 1 });
    const abort = new AbortController();
    const answer = await ask('write 1000 words', streaming, { signal: abort.signal });
    await answer.body?.getReader().read();
    abort.abort();
    await waitFor(async () => (await sandbox.requestsOf('model')).items[0]?.outcome === 'client_closed');
    expect((await sandbox.requestsOf('model')).total).toBe(1);
  });
});
