import { afterEach, describe, expect, test } from '@jest/globals';
import { followKeyChanges, type KeyNews, type Poll } from './follow-key-changes.ts';

let stopping = new AbortController();
afterEach(() => {
  stopping.abort();
  stopping = new AbortController();
});
const change = {
  position: '8',
  accountId: 'acc_cn_01ARZ3NDEKTSV4RRFFQ69G5FAV',
  keyId: null,
  reason: 'cancelled',
} as const;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Answers polls in turn; the last one never. */
const answering = (...answers: (KeyNews | Error)[]) => {
  const polls: Poll[] = [];
  const ask = (poll: Poll) => {
    polls.push(poll);
    const answer = answers.shift();
    if (answer instanceof Error) return Promise.reject(answer);
    if (answer) return Promise.resolve(answer);
    return new Promise<never>((_, reject) =>
      poll.signal.addEventListener('abort', () => reject(new Error('given up')), { once: true }),
    );
  };
  return { ask, polls };
};

describe('following key changes', () => {
  test('the first poll asks where things stand, each further one goes on from the last answer', async () => {
    const told: unknown[] = [];
    const { ask, polls } = answering({ position: '7', changes: [] }, { position: '8', changes: [change] });
    const following = followKeyChanges(ask, {
      onChanges: (changes) => told.push(...changes),
      onSilence: () => told.push('silence'),
      signal: stopping.signal,
    });
    await following.ready;
    await pause(10);
    expect(polls.map(({ query }) => query)).toEqual([{ wait: 5 }, { wait: 5, after: '7' }, { wait: 5, after: '8' }]);
    expect(told).toEqual([change]);
  });

  test('is ready only with the first answer, and goes on after a failure from where it was', async () => {
    const failures: unknown[] = [];
    const { ask, polls } = answering(new Error('down'), { position: '7', changes: [] }, new Error('down again'));
    let ready = false;
    const following = followKeyChanges(ask, {
      onChanges: () => undefined,
      onSilence: () => undefined,
      onError: (error) => failures.push(error),
      signal: stopping.signal,
    });
    void following.ready.then(() => {
      ready = true;
    });
    await pause(50);
    expect([ready, failures.length]).toEqual([false, 1]);
    await following.ready;
    while (polls.length < 4) await pause(10);
    expect(failures).toHaveLength(2);
    expect(polls.at(-1)?.query.after).toBe('7');
  });

  test('silence is told again and again, with the time before which a stream has heard nothing for too long', async () => {
    const silences: number[] = [];
    const began = performance.now();
    followKeyChanges(answering({ position: '7', changes: [] }).ask, {
      onChanges: () => undefined,
      onSilence: (since) => silences.push(since),
      silenceMs: 80,
      signal: stopping.signal,
    });
    while (silences.length < 3) await pause(10);
    expect(silences[0]).toBeGreaterThanOrEqual(began);
    expect(silences.toSorted((a, b) => a - b)).toEqual(silences);
  });

  test('a position that went back is as good as silence until now: what was lost with it nobody tells', async () => {
    const silences: number[] = [];
    const began = performance.now();
    const { ask, polls } = answering({ position: '7', changes: [] }, { position: '3', changes: [] });
    followKeyChanges(ask, {
      onChanges: () => undefined,
      onSilence: (since) => silences.push(since),
      signal: stopping.signal,
    });
    while (polls.length < 3) await pause(10);
    expect(silences).toHaveLength(1);
    expect(silences[0]).toBeGreaterThanOrEqual(began);
    expect(polls.at(-1)?.query.after).toBe('3');
  });

  test('an idle poll answers well before its silence counts', () => {
    const waits = [4_000, 10_000, 60_000, 100].map((silenceMs) => {
      const { ask, polls } = answering();
      followKeyChanges(ask, {
        onChanges: () => undefined,
        onSilence: () => undefined,
        silenceMs,
        signal: stopping.signal,
      });
      return polls[0]?.query.wait;
    });
    expect(waits).toEqual([2, 5, 5, 1]);
  });

  test('ends with its signal, even before it is ready', async () => {
    const following = followKeyChanges(answering().ask, {
      onChanges: () => undefined,
      onSilence: () => undefined,
      signal: stopping.signal,
    });
    stopping.abort();
    await following.ended;
    await expect(following.ready).rejects.toMatchObject({ code: 'aborted' });
  });
});
