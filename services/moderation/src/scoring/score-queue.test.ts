import { expect, test } from '@jest/globals';
import { createScoreQueue } from './score-queue.ts';

/** Work that is done when it is told to be. */
const held = () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  return { work: () => promise, end: () => resolve('done') };
};
const codeOf = (asked: Promise<string>) => asked.catch((error: { code?: string }) => error.code);
const standing = () => 0;

test('the scores of an account come one after the other; another account does not wait for them', async () => {
  const score = createScoreQueue(standing);
  const first = held();
  const seen: string[] = [];
  const note = (name: string) => async () => {
    seen.push(name);
    return name;
  };
  const all = [score('a', first.work), score('a', note('a2')), score('a', note('a3'))];
  await score('b', note('b'));
  expect(seen).toEqual(['b']);
  first.end();
  await Promise.all(all);
  expect(seen).toEqual(['b', 'a2', 'a3']);
});

test('32 of an account and 256 in all are under way; what is done, or fails, makes room', async () => {
  const score = createScoreQueue(standing);
  const first = held();
  const ofOne = Array.from({ length: 32 }, () => score('a', first.work));
  expect(await codeOf(score('a', first.work))).toBe('score_busy');
  const ofOthers = Array.from({ length: 224 }, (_, i) => score(`b${i % 8}`, first.work));
  expect(await codeOf(score('c', first.work))).toBe('score_busy');
  first.end();
  await Promise.all([...ofOne, ...ofOthers]);
  const broken = () => Promise.reject(Object.assign(new Error('broken'), { code: 'broken' }));
  for (let i = 0; i < 300; i += 1) expect(await codeOf(score('a', broken))).toBe('broken');
  expect(await score('a', async () => 'scored')).toBe('scored');
});

test('what has waited for longer than its caller would is refused, not scored', async () => {
  let now = 0;
  const score = createScoreQueue(() => now);
  const first = held();
  const asked = score('a', first.work);
  let scored = false;
  const late = codeOf(
    score('a', async () => {
      scored = true;
      return 'scored';
    }),
  );
  expect(await score('b', async () => 'scored')).toBe('scored');
  now = 1_001;
  first.end();
  expect(await asked).toBe('done');
  expect(await late).toBe('score_busy');
  expect(scored).toBe(false);
});
