import { expect, test } from '@jest/globals';
import { gapOf } from './timing.ts';

/** Reproducible numbers from 0 up to 1. */
const randomFrom = (seed: number) => () => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed / 2 ** 32;
};
const noise = (random: () => number, shift: number) =>
  Array.from({ length: 2_000 }, () => shift + (random() + random() + random() - 1.5));

test('noise alone stays below what chance gives', () => {
  const outside = Array.from({ length: 20 }, (_, seed) => {
    const random = randomFrom(seed + 1);
    const { gap, chance } = gapOf(noise(random, 0), () => random() < 0.5);
    return gap > chance;
  }).filter(Boolean).length;
  expect(outside).toBeLessThanOrEqual(2);
});

test('a constant difference far below the noise of one pair is found', () => {
  const random = randomFrom(7);
  const { gap, chance } = gapOf(noise(random, 0.1), () => random() < 0.5);
  expect(gap).toBeGreaterThan(chance);
});
