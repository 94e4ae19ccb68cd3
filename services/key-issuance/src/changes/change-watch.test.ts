import { describe, expect, test } from '@jest/globals';
import { createChangeWatch } from './change-watch.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A table whose reads end when told to. */
const controlled = (maxWaiters = 10) => {
  const reads: PromiseWithResolvers<bigint>[] = [];
  const watch = createChangeWatch({
    head: () => {
      const read = Promise.withResolvers<bigint>();
      reads.push(read);
      return read.promise;
    },
    pollMs: 1,
    maxWaiters,
  });
  const nextRead = async () => {
    const count = reads.length;
    while (reads.length === count) await new Promise((resolve) => setTimeout(resolve, 1));
    return reads.at(-1)!;
  };
  return { ...watch, reads, nextRead };
};
/** Whether a promise is settled by now, and with what. */
const stateOf = async (promise: Promise<bigint>) => {
  await turn();
  return Promise.race([promise, Promise.resolve('waiting')]);
};

describe('waiting for changes', () => {
  test('a read that was sent before somebody came does not answer them: it may be older than what they have seen', async () => {
    const { differs, reads, nextRead } = controlled();
    const first = differs(5n, 60_000);
    // The read is under way. Meanwhile a change at 7 is committed, and somebody comes who has seen it.
    const second = differs(7n, 60_000);
    const next = nextRead();
    reads[0]!.resolve(6n);
    expect(await first).toBe(6n);
    expect(await stateOf(second)).toBe('waiting');
    (await next).resolve(8n);
    expect(await second).toBe(8n);
  });

  test('a lower position of a later read is that of a restored database: the caller goes on from there', async () => {
    const { differs, reads } = controlled();
    const waiting = differs(7n, 60_000);
    reads[0]!.resolve(3n);
    expect(await waiting).toBe(3n);
  });

  test('the same position answers when the time is over, and a read from before does not even then', async () => {
    const { differs, reads, nextRead } = controlled();
    const patient = differs(5n, 60_000);
    const hasty = differs(7n, 0);
    const next = nextRead();
    reads[0]!.resolve(5n);
    expect(await stateOf(hasty)).toBe('waiting');
    (await next).resolve(7n);
    expect(await hasty).toBe(7n);
    expect(await patient).toBe(7n);
  });

  test('everybody is told of a failed read; the next call reads anew', async () => {
    const { differs, reads } = controlled();
    const waiting = [differs(1n, 60_000), differs(2n, 60_000)];
    reads[0]!.reject(new Error('gone'));
    for (const one of waiting) await expect(one).rejects.toThrow('gone');
    const again = differs(1n, 60_000);
    reads[1]!.resolve(2n);
    expect(await again).toBe(2n);
  });

  test('too many are refused, and stopping answers who waits', async () => {
    const { differs, stop, reads } = controlled(1);
    const waiting = differs(1n, 60_000);
    await expect(differs(1n, 60_000)).rejects.toMatchObject({ code: 'too_many_waiters' });
    stop();
    expect(await waiting).toBe(1n);
    expect(await differs(4n, 60_000)).toBe(4n);
    reads[0]!.resolve(1n);
  });
});
