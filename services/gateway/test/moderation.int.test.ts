// What moderation does not see must not pass, unless moderation is down; and no caller can make it seem down.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { unheardAlarms } from '@meridian/testkit/service/unheard-alarms.ts';
import OpenAI from 'openai';
import { type Harness, model, startHarness, waitFor } from './harness.ts';

let door: Harness;
beforeAll(async () => {
  door = await startHarness();
});
afterEach(() => door.reset());
afterAll(() => door?.stop());

const mebi = 1_048_576;
const ask = (content: string) =>
  door.client().chat.completions.create({ model, messages: [{ role: 'user', content }], max_tokens: 1 });
const refusalOf = async (work: Promise<unknown>) => {
  const error = await work.catch((caught: unknown) => caught);
  if (!(error instanceof OpenAI.APIError)) throw error;
  return error;
};
const metrics = async () => (await fetch(`${door.gateway.internalUrl}/metrics`)).text();
const counted = async (name: string, step: string) => {
  const text = await metrics();
  return Number(new RegExp(`${name}\\{step="${step}"\\} (\\d+)`).exec(text)?.[1] ?? 0);
};
const hit = { ruleId: 'r1', version: 1, fingerprint: 'a'.repeat(64), offset: 0 };

test('every alarm of the gateway is watched by a rule, from the start', async () => {
  const told = await metrics();
  expect(unheardAlarms(told, 'gateway_')).toEqual([]);
  for (const step of ['match', 'score']) expect(told).toContain(`gateway_unmoderated_total{step="${step}"} 0`);
});

describe('a prompt as large as a call can be', () => {
  test.each([
    ['letters', 'x'.repeat(4_191_300)],
    ['characters that JSON escapes', '"'.repeat(2_095_600)],
  ])('of %s is matched whole, in questions that moderation takes', async (_, filling) => {
    const content = `${filling.slice(0, -12)} neutral-end`;
    door.neighbours.hits = [hit];
    door.neighbours.score = { verdict: 'refuse_request', category: 'violence' };
    expect(await refusalOf(ask(content))).toMatchObject({ status: 400, code: 'content_filter' });
    expect(door.neighbours.matched.flat().some((text) => text.includes('neutral-end'))).toBe(true);
    expect(Math.max(...door.neighbours.matchedBytes)).toBeLessThan(2 * mebi + 100);
    expect(door.neighbours.holds.size).toBe(0);
  });

  test('has the first hits of every question scored, whatever the others are full of', async () => {
    door.neighbours.hits = Array.from({ length: 150 }, (_, i) => ({ ...hit, offset: i }));
    await ask('x'.repeat(4_000_000)).catch(() => undefined);
    const offsets = door.neighbours.scored[0]?.hits.map(({ offset }) => offset) ?? [];
    expect(offsets).toHaveLength(200);
    expect(Math.max(...offsets)).toBeLessThan(120);
  });
});

test('tools and schemas are matched beside what is said', async () => {
  await door.client().chat.completions.create({
    model,
    messages: [{ role: 'user', content: 'hello' }],
    tools: [{ type: 'function', function: { name: 'f', description: 'neutral words' } }],
    max_tokens: 1,
  });
  expect(door.neighbours.matched).toEqual([['hello', expect.stringContaining('neutral words')]]);
});

describe('what moderation refuses to look at', () => {
  test.each(['busy', 'too costly'] as const)('(%s) is refused, counted and logged; nothing is held', async (kind) => {
    const [refused, passed] = [
      await counted('gateway_refused_unmoderated_total', 'match'),
      await counted('gateway_unmoderated_total', 'match'),
    ];
    door.neighbours.matching = kind;
    const error = await refusalOf(ask('hello'));
    expect(error).toMatchObject({ status: 503, code: 'unavailable' });
    expect(error.headers?.get('retry-after')).toBe('1');
    expect(door.neighbours.holds.size).toBe(0);
    expect(await counted('gateway_refused_unmoderated_total', 'match')).toBe(refused + 1);
    expect(await counted('gateway_unmoderated_total', 'match')).toBe(passed);
    expect(door.lines.some((line) => line.includes('moderation refuses to match'))).toBe(true);
  });

  test('gives the tokens back that the verification reserved', async () => {
    const resetsAt = new Date(Date.now() + 30_000).toISOString();
    door.neighbours.rates = [{ scope: 'key', kind: 'tokens_per_minute', limit: 9_000, remaining: 1, resetsAt }];
    door.neighbours.matching = 'busy';
    await refusalOf(ask('hello'));
    await waitFor(() => door.neighbours.reported.length === 1);
    expect(door.neighbours.reported[0]?.tokensUsed).toBe(0);
  });
});

test('a key that turns out bad ends the matching of its text', async () => {
  door.neighbours.matching = 'silent';
  door.neighbours.refusals.set(door.key, { code: 'key_revoked' });
  expect(await refusalOf(ask('of a bad key'))).toMatchObject({ code: 'key_revoked' });
  // Long before the gateway gives up waiting by itself.
  await waitFor(() => door.neighbours.hungUp.includes('of a bad key'));
});

describe('moderation that does not answer in time', () => {
  beforeAll(async () => {
    await door.stop();
    door = await startHarness({ MODERATION_TIMEOUT_MS: '5000' });
  });

  test('moderation that says nothing in time is down: the call passes, counted', async () => {
    const before = await counted('gateway_unmoderated_total', 'match');
    door.neighbours.matching = 'silent';
    const answer = await ask('say: hello');
    expect(answer.choices[0]?.message.content).toBe('hello');
    expect(await counted('gateway_unmoderated_total', 'match')).toBe(before + 1);
  });

  test.each(['unavailable', 'silent'] as const)(
    'a text with hits is refused and counted when moderation is %s for its score; nothing is held',
    async (scoring) => {
      const [refused, passed] = [
        await counted('gateway_refused_unmoderated_total', 'score'),
        await counted('gateway_unmoderated_total', 'score'),
      ];
      Object.assign(door.neighbours, { hits: [hit], scoring });
      const error = await refusalOf(ask('hello'));
      expect(error).toMatchObject({ status: 503, code: 'unavailable' });
      expect(error.headers?.get('retry-after')).toBe('1');
      expect(door.neighbours.holds.size).toBe(0);
      expect(await counted('gateway_refused_unmoderated_total', 'score')).toBe(refused + 1);
      expect(await counted('gateway_unmoderated_total', 'score')).toBe(passed);
    },
  );
});
