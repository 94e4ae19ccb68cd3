import { describe, expect, test } from '@jest/globals';
import { type CoalesceOptions, coalesce } from './coalesce.ts';

const digest = (n: number) => Buffer.from([n]);
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Reads that end when told to. */
const controlled = (more: Partial<CoalesceOptions<string>> = {}) => {
  const sent: { digests: string[]; answer: (value: string) => void; fail: (error: Error) => void }[] = [];
  const ask = coalesce<string>({
    read: (digests) => {
      const { promise, resolve, reject } = Promise.withResolvers<Map<string, string>>();
      const names = digests.map((d) => d.toString('hex'));
      const answer = (value: string) => resolve(new Map(names.map((name) => [name, value])));
      sent.push({ digests: names, answer, fail: reject });
      return promise;
    },
    maxBatch: 3,
    maxInFlight: 1,
    maxWaiting: 5,
    deadlineMs: 10_000,
    ...more,
  });
  return { ask, sent };
};

describe('coalesced reads', () => {
  test('what arrives together travels together, equal questions once', async () => {
    const { ask, sent } = controlled();
    const answers = Promise.all([ask(digest(1)), ask(digest(2)), ask(digest(1))]);
    await turn();
    expect(sent.map((s) => s.digests)).toEqual([['01', '02']]);
    sent[0]!.answer('a');
    expect(await answers).toEqual(['a', 'a', 'a']);
  });

  test('a question never joins a statement that was sent before it', async () => {
    const { ask, sent } = controlled();
    const first = ask(digest(1));
    await turn();
    const second = ask(digest(1));
    sent[0]!.answer('old');
    expect(await first).toBe('old');
    await turn();
    expect(sent).toHaveLength(2);
    sent[1]!.answer('new');
    expect(await second).toBe('new');
  });

  test('while statements are busy the batch grows, up to its bound', async () => {
    const { ask, sent } = controlled();
    const answers = [1, 2, 3, 4, 5].map((n) => ask(digest(n)));
    await turn();
    expect(sent.map((s) => s.digests.length)).toEqual([3]);
    sent[0]!.answer('x');
    await answers[0];
    await turn();
    expect(sent.map((s) => s.digests.length)).toEqual([3, 2]);
    sent[1]!.answer('x');
    await Promise.all(answers);
  });

  test('too many waiting are shed, and a failed statement fails its own questions only', async () => {
    const { ask, sent } = controlled();
    const waiting = [1, 2, 3, 4, 5].map((n) => ask(digest(n)));
    await expect(ask(digest(6))).rejects.toMatchObject({ code: 'overloaded' });
    await turn();
    sent[0]!.fail(new Error('gone'));
    await expect(waiting[0]).rejects.toThrow('gone');
    await Promise.allSettled(waiting.slice(0, 3));
    await turn();
    sent[1]!.answer('x');
    expect(await waiting[3]).toBe('x');
  });

  test('who asks about a digest that waits already takes a place too: beyond the bound they are shed', async () => {
    const { ask, sent } = controlled();
    const waiting = [1, 1, 1, 2, 1].map((n) => ask(digest(n)));
    await expect(ask(digest(1))).rejects.toMatchObject({ code: 'overloaded' });
    await turn();
    expect(sent[0]!.digests).toEqual(['01']);
    sent[0]!.answer('a');
    await Promise.all(waiting.slice(0, 3));
    await turn();
    expect(sent[1]!.digests).toEqual(['02', '01']);
    sent[1]!.answer('b');
    expect(await Promise.all(waiting)).toEqual(['a', 'a', 'a', 'b', 'b']);
  });

  test('who asks later has a later deadline, also about a digest that waits already', async () => {
    let time = 0;
    const { ask, sent } = controlled({ deadlineMs: 100, maxBatch: 1, clock: () => time });
    const busy = ask(digest(9)).catch((error: unknown) => error);
    await turn();
    const elder = ask(digest(1));
    time = 60;
    const younger = ask(digest(1));
    time = 100;
    await expect(elder).rejects.toMatchObject({ code: 'timeout' });
    expect(await busy).toMatchObject({ code: 'timeout' });
    await turn();
    sent[1]!.answer('in time');
    expect(await younger).toBe('in time');
  });

  test('a statement that does not answer in time is given up', async () => {
    const { ask } = controlled({ deadlineMs: 20 });
    await expect(ask(digest(1))).rejects.toMatchObject({ code: 'timeout' });
  });

  test('what is not found is undefined', async () => {
    const ask = coalesce<string>({
      read: async () => new Map(),
      maxBatch: 1,
      maxInFlight: 1,
      maxWaiting: 1,
      deadlineMs: 1_000,
    });
    expect(await ask(digest(1))).toBeUndefined();
  });
});
