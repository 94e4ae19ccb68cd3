import { describe, expect, test } from '@jest/globals';
import { createLastUsed, type LastUsedOptions, type Uses } from './last-used.ts';

const at = (seconds: number) => new Date(seconds * 1_000);
const recorder = (more: Partial<LastUsedOptions> = {}) => {
  const written: Uses[] = [];
  const lastUsed = createLastUsed({ write: async (uses) => void written.push(uses), ...more });
  return { ...lastUsed, written };
};

describe('last uses', () => {
  test('of many of one key the latest is written, once', async () => {
    const { note, flush, written } = recorder();
    for (const seconds of [1, 3, 2]) note('a', at(seconds));
    await flush();
    await flush();
    expect(written).toEqual([[['a', at(3)]]]);
  });

  test('are written in the order of key ids, so many at a time', async () => {
    const { note, flush, written } = recorder({ batch: 2 });
    for (const id of ['c', 'a', 'e', 'b', 'd']) note(id, at(1));
    await flush();
    expect(written.map((uses) => uses.map(([id]) => id))).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
  });

  test('are a sample: of so many keys, and no more', async () => {
    const { note, flush, written } = recorder({ max: 2 });
    for (const [i, id] of ['a', 'b', 'c', 'a'].entries()) note(id, at(i));
    await flush();
    expect(written).toEqual([
      [
        ['a', at(3)],
        ['b', at(1)],
      ],
    ]);
  });

  test('that could not be written come with the next flush, unless the key was used again since', async () => {
    let broken = true;
    const written: Uses[] = [];
    const { note, flush } = createLastUsed({
      batch: 1,
      write: async (uses) => {
        if (broken && uses[0]?.[0] === 'b') throw new Error('gone');
        written.push(uses);
      },
    });
    for (const id of ['a', 'b', 'c']) note(id, at(1));
    const failing = flush();
    note('c', at(2));
    await expect(failing).rejects.toThrow('gone');
    broken = false;
    await flush();
    expect(written).toEqual([[['a', at(1)]], [['b', at(1)]], [['c', at(2)]]]);
  });
});
