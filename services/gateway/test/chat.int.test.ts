import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import OpenAI from 'openai';
import { type Harness, lookalike, model, startHarness, waitFor } from './harness.ts';

let door: Harness;
beforeAll(async () => {
  door = await startHarness();
});
afterAll(async () => {
  await door?.stop();
});
beforeEach(async () => {
  await door.reset();
});

const messages = (text: string) => [{ role: 'user' as const, content: text }];
const errorOf = async (work: Promise<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> => {
  try {
    await work;
  } catch (error) {
    if (error instanceof OpenAI.APIError) return error;
    throw error;
  }
  throw new Error('it was not refused');
};
const streamOf = (text: string, more: object = {}, options: { signal?: AbortSignal } = {}) =>
  door.client().chat.completions.create({ model, messages: messages(text), stream: true, ...more }, options);
const collect = async (stream: AsyncIterable<OpenAI.ChatCompletionChunk>) => {
  const chunks: OpenAI.ChatCompletionChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return { chunks, text: chunks.map((c) => c.choices[0]?.delta.content ?? '').join('') };
};

describe('a plain call', () => {
  test('is answered, held for with a sound bound, and settled by the figures of the upstream', async () => {
    const { data, response } = await door
      .client()
      .chat.completions.create({ model, messages: messages('say: 你好 world'), max_tokens: 50 })
      .withResponse();
    expect(data.choices[0]?.message.content).toBe('你好 world');
    const hold = door.onlyHold();
    expect(response.headers.get('x-request-id')).toBe(hold.request.requestId);
    expect(hold.request.requestId).toMatch(/^req_cn_/);
    expect(hold.request).toMatchObject({ ...door.neighbours.owner, model, completionWindow: 50 });
    expect(hold.request.promptTokensBound).toBeGreaterThanOrEqual(data.usage!.prompt_tokens);
    expect(hold.settled).toEqual([
      {
        outcome: 'completed',
        usage: {
          promptTokens: data.usage!.prompt_tokens,
          completionTokens: data.usage!.completion_tokens,
          cachedTokens: data.usage!.prompt_tokens_details!.cached_tokens,
        },
      },
    ]);
    expect(hold.released).toBe(0);
  });

  test('without a limit of its own gets the one that was held for', async () => {
    const answer = await door.client().chat.completions.create({ model, messages: messages('write 20000 words') });
    expect(door.onlyHold().request.completionWindow).toBe(4_096);
    expect(answer.usage?.completion_tokens).toBe(4_096);
    expect(answer.choices[0]?.finish_reason).toBe('length');
  });

  test('a request that the model finds wrong is refused in its words and gives the hold back', async () => {
    const error = await errorOf(
      door.client().chat.completions.create({ model, messages: [{ role: 'nobody' as 'user', content: 'x' }] }),
    );
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ code: 'invalid_input', param: 'messages.0.role' });
    expect(door.onlyHold()).toMatchObject({ settled: [], released: 1 });
  });

  test('an upstream that fails before the first byte is 502, and nothing is charged', async () => {
    await door.misbehave({ fail: { status: 500, times: 1 } });
    const error = await errorOf(door.client().chat.completions.create({ model, messages: messages('hi') }));
    expect(error).toMatchObject({ status: 502, code: 'upstream_failed' });
    expect(door.onlyHold()).toMatchObject({ settled: [], released: 1 });
  });

  test('the key is taken from the api-key header too, and the model list needs one', async () => {
    const list = await fetch(`${door.gateway.publicUrl}/v1/models`, { headers: { 'api-key': door.key } });
    expect(await list.json()).toMatchObject({
      object: 'list',
      data: [{ id: model, object: 'model' }, { object: 'model' }],
    });
    const none = await fetch(`${door.gateway.publicUrl}/v1/models`);
    expect(none.status).toBe(401);
    expect(await none.json()).toMatchObject({ error: { code: 'key_invalid', type: 'authentication_error' } });
  });
});

describe('a stream', () => {
  test('passes through, hides the usage from who did not ask, and settles by it', async () => {
    const { chunks, text } = await collect(await streamOf('say: 海纳百川，有容乃大'));
    expect(text).toBe('海纳百川，有容乃大');
    expect(chunks.every((chunk) => !('usage' in chunk))).toBe(true);
    expect(chunks.every((chunk) => chunk.choices.length === 1)).toBe(true);
    await waitFor(() => door.onlyHold().settled.length === 1);
    expect(door.onlyHold().settled[0]).toMatchObject({ outcome: 'completed', usage: { completionTokens: 9 } });
  });

  test('shows the usage to who asked', async () => {
    const { chunks } = await collect(await streamOf('say: hi', { stream_options: { include_usage: true } }));
    const usage = chunks.at(-1)?.usage;
    expect(usage?.completion_tokens).toBe(1);
    await waitFor(() => door.onlyHold().settled.length === 1);
  });

  test('extends its hold before the window ends, carrying the tokens so far', async () => {
    const { text } = await collect(await streamOf('write 400 words'));
    expect(text.split(' ')).toHaveLength(400);
    const hold = door.onlyHold();
    expect(hold.request.completionWindow).toBe(64);
    expect(hold.extended.length).toBeGreaterThanOrEqual(5);
    const covered = hold.extended.map(({ soFar, completionWindow }) => soFar.completionTokens + completionWindow);
    expect(covered).toEqual([...covered].sort((a, b) => a - b));
    await waitFor(() => hold.settled.length === 1);
    expect(covered.at(-1)).toBeGreaterThanOrEqual(hold.settled[0]!.usage.completionTokens);
  });

  test('a refused extension ends it with a final error, and what was delivered is settled', async () => {
    door.neighbours.refuseExtend = true;
    let text = '';
    const error = await errorOf(
      (async () => {
        for await (const chunk of await streamOf('write 400 words')) text += chunk.choices[0]?.delta.content ?? '';
      })(),
    );
    expect(error).toMatchObject({ code: 'insufficient_balance' });
    expect(text.length).toBeGreaterThan(50);
    await waitFor(() => door.onlyHold().settled.length === 1);
    const { usage, outcome } = door.onlyHold().settled[0]!;
    expect(outcome).toBe('interrupted');
    expect(usage.completionTokens).toBeGreaterThan(0);
    expect(usage.completionTokens).toBeLessThanOrEqual(64);
  });

  test('a client that goes away is settled once, as interrupted, for what it got', async () => {
    await door.misbehave({ chunkDelayMs: 10 });
    const gone = new AbortController();
    const stream = await streamOf('write 5000 words', {}, { signal: gone.signal });
    let seen = 0;
    for await (const _ of stream) {
      seen += 1;
      if (seen === 10) break;
    }
    await waitFor(() => door.onlyHold().settled.length === 1);
    const { usage, outcome } = door.onlyHold().settled[0]!;
    expect(outcome).toBe('interrupted');
    expect(usage.completionTokens).toBeGreaterThanOrEqual(9);
    expect(usage.completionTokens).toBeLessThan(1_000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(door.onlyHold()).toMatchObject({ settled: [{ outcome: 'interrupted' }], released: 0 });
  });

  test('a client that goes away is charged for its tools, too; they are told with every extension', async () => {
    await door.misbehave({ chunkDelayMs: 5 });
    const tools = [{ type: 'function', function: { name: 'f', description: 'x'.repeat(40_000) } }];
    for await (const _ of await streamOf('write 5000 words', { tools })) if (door.onlyHold().extended.length > 0) break;
    await waitFor(() => door.onlyHold().settled.length === 1);
    const { extended, settled } = door.onlyHold();
    for (const { promptTokens } of [extended[0]!.soFar, settled[0]!.usage])
      expect(promptTokens).toBeGreaterThan(10_000);
    expect(door.neighbours.verified[0]?.tokensEstimate).toBeGreaterThan(10_000);
  });

  test('is held to the smaller of two limits, whichever of them the upstream looks at', async () => {
    const { chunks } = await collect(
      await streamOf('write 400 words', {
        max_tokens: 3,
        max_completion_tokens: 4_000,
        stream_options: { include_usage: true },
      }),
    );
    expect(chunks.at(-1)?.usage?.completion_tokens).toBe(3);
    expect(door.onlyHold().extended).toEqual([]);
  });

  test('an upstream that breaks off is told as a final error and settled once, as interrupted', async () => {
    await door.misbehave({ breakStreamAfter: 5 });
    const error = await errorOf(streamOf('write 100 words').then(collect));
    expect(error).toMatchObject({ code: 'upstream_failed' });
    await waitFor(() => door.onlyHold().settled.length === 1);
    expect(door.onlyHold()).toMatchObject({ settled: [{ outcome: 'interrupted' }], released: 0 });
  });

  test('an upstream that breaks off before any text costs nothing', async () => {
    await door.misbehave({ breakStreamAfter: 0 });
    await errorOf(streamOf('write 100 words').then(collect));
    await waitFor(() => door.onlyHold().released === 1);
    expect(door.onlyHold().settled).toEqual([]);
  });

  test('a settlement that fails is repeated', async () => {
    door.neighbours.failSettle = 2;
    await collect(await streamOf('say: hi'));
    await waitFor(() => door.onlyHold().settled.length === 1);
  });

  test('a revoked key ends its streams', async () => {
    await door.misbehave({ chunkDelayMs: 20 });
    const { accountId, keyId } = door.neighbours.owner;
    const error = await errorOf(
      (async () => {
        let seen = 0;
        for await (const _ of await streamOf('write 5000 words')) {
          seen += 1;
          if (seen !== 5) continue;
          door.tell({ accountId, keyId: 'key_cn_01ARZ3NDEKTSV4RRFFQ69G5FAX', reason: 'revoked' });
          door.tell({ accountId, keyId: null, reason: 'exhausted' });
          door.tell({ accountId, keyId, reason: 'revoked' });
        }
      })(),
    );
    expect(error).toMatchObject({ code: 'key_revoked' });
    await waitFor(() => door.onlyHold().settled.length === 1);
    expect(door.onlyHold().settled[0]?.outcome).toBe('interrupted');
  });
});

test('a rotation that is heard of late ends the calls with the old secret and none with the new one', async () => {
  await door.misbehave({ chunkDelayMs: 20 });
  const old = await streamOf('write 5000 words');
  door.neighbours.mute = true;
  door.tell({ ...door.neighbours.owner, reason: 'rotated' });
  let ended = false;
  const fresh = collect(await streamOf('write 400 words')).finally(() => {
    ended = true;
  });
  door.neighbours.mute = false;
  expect(await errorOf(collect(old))).toMatchObject({ code: 'key_revoked' });
  expect(ended).toBe(false);
  expect((await fresh).text.split(' ')).toHaveLength(400);
});

describe('who may not', () => {
  test('a key of another region is told its region and Base URL, and asks no service', async () => {
    const error = await errorOf(
      door.client(lookalike('sk', 'global')).chat.completions.create({ model, messages: messages('x') }),
    );
    expect(error).toBeInstanceOf(OpenAI.AuthenticationError);
    expect(error.error).toMatchObject({
      code: 'key_region_mismatch',
      region: 'global',
      baseUrl: 'https://model.global.meridian.example/v1',
    });
    expect(error.message).toContain('Use the Base URL https://model.global.meridian.example/v1');
    expect(door.neighbours).toMatchObject({ verified: [], matched: [] });
  });

  test('a key of the other product, or no key at all, asks no service either', async () => {
    const plan = await errorOf(door.client(lookalike('tp', 'cn')).models.list());
    expect(plan).toMatchObject({ status: 401, code: 'key_product_mismatch' });
    for (const key of [
      'sk-something',
      lookalike('sk', 'mars'),
      lookalike('sk', 'constructor'),
      `${door.key.slice(0, -9)}!00000000`,
    ]) {
      const error = await errorOf(door.client(key).chat.completions.create({ model, messages: messages('x') }));
      expect(error).toMatchObject({ status: 401, code: 'key_invalid' });
    }
    expect(door.neighbours.verified).toEqual([]);
  });

  test('every refusal of key-issuance becomes the typed error of the client', async () => {
    const until = '2026-12-01T00:00:00.000Z';
    const caseId = 'cas_cn_01ARZ3NDEKTSV4RRFFQ69G5FAV';
    const appealUrl = 'https://console.cn.meridian.example/appeal';
    const expected = [
      [{ code: 'key_revoked' }, 401],
      [{ code: 'account_cancelled' }, 403],
      [{ code: 'account_protected', caseId, until, appealUrl }, 403],
      [{ code: 'balance_exhausted' }, 402],
    ] as const;
    for (const [refusal, status] of expected) {
      door.neighbours.refusals.set(door.key, refusal);
      const error = await errorOf(door.client().chat.completions.create({ model, messages: messages('x') }));
      expect(error.status).toBe(status);
      expect(error.error).toMatchObject(refusal);
    }
    expect(door.neighbours.holds.size).toBe(0);
  });

  test('hits are scored against the account that the key named, and only then', async () => {
    await door.client().chat.completions.create({ model, messages: messages('fine') });
    expect(door.neighbours.scored).toEqual([]);
    door.neighbours.hits = [{ ruleId: 'r1', version: 1, fingerprint: 'a'.repeat(64), offset: 0 }];
    door.neighbours.score = { verdict: 'refuse_request', category: 'violence' };
    const content = [
      { type: 'text' as const, text: 'one' },
      { type: 'text' as const, text: 'two' },
    ];
    const error = await errorOf(
      door.client().chat.completions.create({
        model,
        messages: [
          { role: 'system', content: 'be kind' },
          { role: 'user', content },
        ],
      }),
    );
    expect(error).toMatchObject({ status: 400, code: 'content_filter' });
    expect(error.error).toMatchObject({ category: 'violence' });
    expect(door.neighbours.matched.at(-1)).toEqual(['be kind', 'one\ntwo']);
    expect(door.neighbours.scored).toMatchObject([{ accountId: door.neighbours.owner.accountId }]);

    const caseId = 'cas_cn_01ARZ3NDEKTSV4RRFFQ69G5FAV';
    const appealUrl = 'https://console.cn.meridian.example/appeal';
    door.neighbours.score = { verdict: 'account_protected', caseId, until: '2026-12-01T00:00:00.000Z', appealUrl };
    const guarded = await errorOf(door.client().chat.completions.create({ model, messages: messages('x') }));
    expect(guarded).toBeInstanceOf(OpenAI.PermissionDeniedError);
    expect(guarded.error).toMatchObject({ code: 'account_protected', caseId, appealUrl });
    expect(door.neighbours.holds.size).toBe(1);
  });

  test('money: a hold that is refused is 402, an unknown model 404', async () => {
    const before = await door.upstreamRequests();
    door.neighbours.refuseHold = true;
    expect(await errorOf(door.client().chat.completions.create({ model, messages: messages('x') }))).toMatchObject({
      status: 402,
      code: 'insufficient_balance',
    });
    const unknown = door.client().chat.completions.create({ model: 'no-such-model', messages: messages('x') });
    expect(await errorOf(unknown)).toMatchObject({ status: 404, code: 'model_unknown' });
    expect(await door.upstreamRequests()).toBe(before);
  });
});

describe('when a neighbour is down', () => {
  test('moderation: traffic passes, counted and logged', async () => {
    door.neighbours.down.add('moderation');
    const answer = await door.client().chat.completions.create({ model, messages: messages('say: still here') });
    expect(answer.choices[0]?.message.content).toBe('still here');
    const metrics = await (await fetch(`${door.gateway.internalUrl}/metrics`)).text();
    expect(metrics).toMatch(/gateway_unmoderated_total\{step="match"\} [1-9]/);
    expect(door.lines.some((line) => line.includes('moderation does not match'))).toBe(true);
  });

  test.each(['key-issuance', 'billing'] as const)(
    '%s: 503 with Retry-After, and the model is not asked',
    async (name) => {
      door.neighbours.down.add(name);
      const before = await door.upstreamRequests();
      const error = await errorOf(door.client().chat.completions.create({ model, messages: messages('x') }));
      expect(error).toMatchObject({ status: 503, code: 'unavailable' });
      expect(error.headers?.get('retry-after')).toBe('1');
      expect(await door.upstreamRequests()).toBe(before);
    },
  );
});

test('no text of a conversation reaches the log', async () => {
  await collect(await streamOf('say: xylophone-secret-word'));
  await door.misbehave({ fail: { status: 500, times: 1 } });
  await errorOf(door.client().chat.completions.create({ model, messages: messages('xylophone-secret-word') }));
  expect(door.lines.length).toBeGreaterThan(0);
  expect(door.lines.join('')).not.toContain('xylophone');
  expect(door.lines.join('')).not.toContain(door.key);
});
