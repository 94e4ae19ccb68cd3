import { describe, expect, test } from '@jest/globals';
import { ProblemError, TransportError } from '@meridian/client/errors.ts';
import type { Hit } from '@meridian/contracts/moderation.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { createMatchRoom } from './match-room.ts';
import { type ModerateDeps, scoreCall, startMatching } from './moderate.ts';

const log = createLog({ service: 'test', region: 'test', level: 'silent' });
const hit: Hit = { ruleId: 'r1', version: 1, fingerprint: 'a'.repeat(64), offset: 0 };
const messages = [{ content: 'hello' }];

/** Moderation that answers each question by `answer`; counts what was passed and refused unseen. */
const setUp = (answer: (texts: string[], signal: AbortSignal) => Promise<Hit[]>, room = createMatchRoom()) => {
  const seen: string[] = [];
  const call = async (_: unknown, { body, signal }: { body: { texts: string[] }; signal: AbortSignal }) => ({
    body: { hits: await answer(body.texts, signal) },
  });
  const deps: ModerateDeps = {
    call: call as unknown as ModerateDeps['call'],
    log,
    moderationUrl: 'http://moderation.test',
    moderationTimeoutMs: 2_000,
    matchRoom: room,
    passedUnseen: (step) => void seen.push(`passed ${step}`),
    refusedUnseen: (step) => void seen.push(`refused ${step}`),
  };
  return {
    seen,
    score: () => scoreCall(deps, { accountId: 'acc_1', requestId: 'req_1', hits: [hit] }),
    start: (given = messages, ip = '192.0.2.1') => startMatching(deps, { ip, request: { messages: given } }),
  };
};
const problem = (status: number) =>
  new ProblemError('matchText', { type: 't', title: 't', status, code: 'c', requestId: 'r' }, undefined);

describe('only an outage lets text pass unseen', () => {
  test.each([
    ['no connection', new TransportError('unreachable', 'x')],
    ['no answer in time', new TransportError('timeout', 'x')],
    ['503', problem(503)],
    ['500', problem(500)],
    ["a proxy's 502", new TransportError('bad_answer', 'x', { status: 502 })],
  ])('%s is one', async (_, error) => {
    const { seen, start } = setUp(() => Promise.reject(error));
    expect(await start().hits).toEqual([]);
    expect(seen).toEqual(['passed match']);
  });

  test.each([
    ['413', problem(413)],
    ['422', problem(422)],
    ['429', problem(429)],
    ['401', problem(401)],
    ["a proxy's 413", new TransportError('bad_answer', 'x', { status: 413 })],
    ['an answer that does not fit', new TransportError('bad_answer', 'x')],
    ['a mistake of ours', new TypeError('x')],
  ])('%s is none: the call is refused', async (_, error) => {
    const { seen, start } = setUp(() => Promise.reject(error));
    await expect(start().hits).rejects.toMatchObject({ code: 'unavailable' });
    expect(seen).toEqual(['refused match']);
  });

  test('one refused question is enough to refuse the call; the others are given up', async () => {
    let given = 0;
    const { start } = setUp((texts, signal) =>
      texts.includes('bad')
        ? Promise.reject(problem(422))
        : new Promise((_, reject) => {
            signal.addEventListener('abort', () => {
              given += 1;
              reject(new TransportError('aborted', 'x'));
            });
          }),
    );
    const large = 'x'.repeat(262_144);
    const many = [...Array.from({ length: 8 }, () => ({ content: large })), { content: 'bad' }];
    await expect(start(many).hits).rejects.toMatchObject({ code: 'unavailable' });
    expect(given).toBe(1);
  });
});

describe('a text with hits', () => {
  test('passes when moderation has gone before it was scored', async () => {
    const { seen, score } = setUp(() => Promise.reject(new TransportError('unreachable', 'x')));
    await score();
    expect(seen).toEqual(['passed score']);
  });

  test.each([
    ['no answer in time', new TransportError('timeout', 'x')],
    ['503', problem(503)],
    ['500', problem(500)],
    ["a proxy's 502", new TransportError('bad_answer', 'x', { status: 502 })],
    ['429', problem(429)],
  ])('is refused when its score is not to be had: %s', async (_, error) => {
    const { seen, score } = setUp(() => Promise.reject(error));
    await expect(score()).rejects.toMatchObject({ code: 'unavailable', members: { retryAfter: 1 } });
    expect(seen).toEqual(['refused score']);
  });
});

describe('text under way', () => {
  test('is bounded per address; the room is given back whatever the end', async () => {
    const room = createMatchRoom({ all: 100, perAddress: 12 });
    let answer: (hits: Hit[]) => void = () => undefined;
    const { seen, start } = setUp(() => new Promise((resolve) => (answer = resolve)), room);
    const first = start();
    expect(() => start()).toThrow(expect.objectContaining({ code: 'unavailable' }));
    expect(seen).toEqual(['refused room']);
    const other = start(messages, '192.0.2.2');
    answer([]);
    await other.hits;
    first.stop();
    const failing = setUp(() => Promise.reject(problem(429)), createMatchRoom({ all: 12, perAddress: 12 }));
    await expect(failing.start().hits).rejects.toThrow();
    await expect(failing.start().hits).rejects.toMatchObject({ message: expect.stringContaining('could not be') });
  });

  test('is given up without a word when the key turns out bad', async () => {
    const { seen, start } = setUp(
      (_, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new TransportError('aborted', 'x')));
        }),
      createMatchRoom({ all: 12, perAddress: 12 }),
    );
    const matching = start();
    matching.stop();
    expect(await matching.hits).toEqual([]);
    expect(seen).toEqual([]);
    start().stop();
  });
});

test('the first hits of every question are kept, whatever the others are full of', async () => {
  const { start } = setUp(async (texts) =>
    Array.from({ length: 150 }, (_, i) => ({ ...hit, ruleId: texts[0]?.slice(0, 1) ?? '', offset: i })),
  );
  const hits = await start([{ content: 'a'.repeat(2_000_000) }, { content: 'b'.repeat(2_000_000) }]).hits;
  expect(hits).toHaveLength(200);
  expect(hits.filter(({ ruleId, offset }) => ruleId === 'b' && offset === 0)).toHaveLength(1);
});
