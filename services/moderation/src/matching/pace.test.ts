import { describe, expect, test } from '@jest/globals';
import { createBoundedMatching } from './bounded-matching.ts';
import { createLiteralMatcher } from './literal-matcher.ts';
import { createRoom } from './match-room.ts';
import { matchTexts } from './match-texts.ts';
import { createPace, type PaceOptions } from './pace.ts';
import { createTurns } from './turns.ts';

const rules = [
  {
    id: 'r1',
    version: 1,
    pattern: 'forbidden',
    category: 'c',
    severity: 'block',
    weight: 1,
    mode: 'live',
    boundary: 'word',
  },
] as const;
const policy = { windows: [], protectionHours: 1, reviewHours: 1, overrideDays: 1 };
const set = { version: 1, policy, rules, matcher: createLiteralMatcher(rules) };

/** Matches one text, on a clock that stands still; counts turns of the event loop and the most steps spent at once. */
const match = async (text: string, options: Partial<PaceOptions> = {}) => {
  const seen = { turns: 0, steps: 0, most: 0 };
  const turn = async () => {
    seen.turns += 1;
  };
  const pace = createPace({ units: text.length, turn, clock: () => 0, ...options });
  const outcome = await matchTexts([text], set, 'k'.repeat(32), (steps) => {
    seen.steps += steps;
    seen.most = Math.max(seen.most, steps);
    return pace(steps);
  }).catch((error: { code?: string }) => error.code ?? error);
  return { outcome, ...seen };
};

describe('the work of one match', () => {
  test.each([
    ['English', 'all is well with this text, '],
    ['Chinese', '这是一个普通的中文句子，没有什么特别。'],
    ['Hindi', 'नमस्ते दुनिया यह एक वाक्य है। '],
    ['decomposed Vietnamese', 'tiếng việt có dấu '.normalize('NFD')],
    ['Arabic with vowel signs', 'السَّلَامُ عَلَيْكُمْ '],
    ['emoji', '😀🎉👍🏽'],
    ['mathematical letters', '𝐟𝐨𝐫'],
    ['half-width katakana', 'ｶﾞ'],
    ['letters under many marks', `a${'\u0301\u0316'.repeat(8)}`],
    ['nothing that can be seen', '\u200b'],
  ])('is far below its bound for %s, which is searched to its end', async (_, piece) => {
    const text = `${piece.repeat(Math.ceil(300_000 / piece.length))} forbidden`;
    const { outcome, turns, steps } = await match(text);
    expect(outcome).toMatchObject([{ ruleId: 'r1', offset: text.length - 9 }]);
    expect(steps).toBeLessThan(8 * text.length);
    expect(turns).toBeGreaterThanOrEqual(4);
  });

  test.each([
    ['a ligature of 18 characters', '\ufdfa'],
    ['a company sign of four', '㍿'],
  ])('of a text of nothing but %s is refused before it takes the memory; some of them are matched', async (_, sign) => {
    const { outcome, steps, most } = await match(sign.repeat(1_000_000));
    expect(outcome).toBe('text_too_costly');
    expect(steps).toBeLessThan(17_000_000);
    // However much a character unfolds to, the event loop is never held for longer than by a slice.
    expect(most).toBeLessThan(250_000);
    expect((await match(`${sign.repeat(2_000)} forbidden`)).outcome).toHaveLength(1);
  });

  test('ends when its time is over, which a larger text has more of, and when nobody waits any more', async () => {
    const late = (ms: number) => {
      let now = 0;
      return { clock: () => (now === 0 ? now++ : ms) };
    };
    const text = 'all is well '.repeat(20_000);
    expect((await match(text, late(900))).outcome).toEqual([]);
    expect((await match(text, late(1_200))).outcome).toBe('match_busy');
    expect((await match(text.repeat(8), late(1_200))).outcome).toEqual([]);
    expect((await match(text, { isGone: () => true })).outcome).toBe('match_busy');
  });
});

test('of many matches at once one works per turn of the event loop', async () => {
  const turn = createTurns();
  const seen: string[] = [];
  const work = async (name: string) => {
    for (let i = 0; i < 3; i += 1) {
      await turn();
      seen.push(name);
    }
  };
  let loops = 0;
  let done = false;
  const count = () => {
    loops += 1;
    if (!done) setImmediate(count);
  };
  setImmediate(count);
  await Promise.all(['a', 'b', 'c'].map(work));
  done = true;
  expect(seen.join('')).toBe('abcabcabc');
  expect(loops).toBeGreaterThanOrEqual(9);
});

test('room is taken and given back; what is larger than all of it gets in alone', () => {
  const room = createRoom(10);
  const first = room.take(6);
  expect(room.take(5)).toBeUndefined();
  const second = room.take(4);
  expect(second).toBeDefined();
  first?.();
  second?.();
  const large = room.take(100);
  expect(large).toBeDefined();
  expect(room.take(1)).toBeUndefined();
  large?.();
  expect(room.take(10)).toBeDefined();
});

test('more text at a time than there is room for is refused, and matched again afterwards', async () => {
  const match = createBoundedMatching({
    rules: { current: () => set },
    fingerprintKey: 'k'.repeat(32),
    clock: () => 0,
  });
  const ask = (text: string) =>
    match([text], () => false).then(
      (hits) => hits.length,
      (error: { code?: string }) => error.code,
    );
  const large = `${'all is well '.repeat(87_000)} forbidden`;
  const outcomes = await Promise.all(Array.from({ length: 18 }, () => ask(large)));
  expect(outcomes).toEqual([...Array(16).fill(1), 'match_busy', 'match_busy']);
  expect(await ask(large)).toBe(1);
});
