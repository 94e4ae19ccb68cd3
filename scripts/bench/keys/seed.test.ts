import { expect, test } from '@jest/globals';
import { orderOf } from './seed.ts';

const share = (order: readonly number[], of: (index: number) => boolean) => order.filter(of).length / order.length;

test('uniform questions are about all keys alike, garbled ones are a share of them', () => {
  const order = orderOf(100, 'uniform', 0.5, 20_000);
  expect(share(order, (index) => index >= 100)).toBeCloseTo(0.5, 1);
  expect(share(order, (index) => index % 100 < 50)).toBeCloseTo(0.5, 1);
  expect(order.every((index) => index >= 0 && index < 200)).toBe(true);
});

test('Zipf questions are about the first keys most', () => {
  const order = orderOf(1_000, 'zipf', 0, 20_000);
  // 1/1 of the harmonic sum of 1,000, which is 7.485.
  expect(share(order, (index) => index === 0)).toBeCloseTo(1 / 7.485, 1);
  expect(share(order, (index) => index < 10)).toBeGreaterThan(0.3);
  expect(order.every((index) => index < 1_000)).toBe(true);
});
