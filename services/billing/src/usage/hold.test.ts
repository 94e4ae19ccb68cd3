import { describe, expect, test } from '@jest/globals';
import { endingOf, furtherReport } from './hold.ts';

const usual = { held: 100n, available: 0n, window: 30n, cancelled: false };

describe('endingOf', () => {
  test('charges the cost when the hold covers it', () => {
    expect(endingOf({ ...usual, cost: 60n })).toEqual({ charged: 60n, writtenOff: 0n });
  });
  test('an overrun is paid from what is available', () => {
    expect(endingOf({ ...usual, available: 500n, cost: 550n })).toEqual({ charged: 550n, writtenOff: 0n });
  });
  test('an overrun without money becomes arrears of at most one window; the rest is written off', () => {
    expect(endingOf({ ...usual, cost: 130n })).toEqual({ charged: 130n, writtenOff: 0n });
    expect(endingOf({ ...usual, cost: 131n })).toEqual({ charged: 130n, writtenOff: 1n });
  });
  test('arrears of before do not count as money', () => {
    expect(endingOf({ ...usual, available: -50n, cost: 140n })).toEqual({ charged: 130n, writtenOff: 10n });
  });
  test('a cancelled account pays from the hold only', () => {
    expect(endingOf({ ...usual, available: 500n, cancelled: true, cost: 140n })).toEqual({
      charged: 100n,
      writtenOff: 40n,
    });
  });
  test('a late settlement below what was charged gives the difference back', () => {
    expect(endingOf({ ...usual, held: 0n, cost: -7n })).toEqual({ charged: -7n, writtenOff: 0n });
  });
});

test('of two reports the one further along counts, in whatever order they come', () => {
  const early = { promptTokens: 5, cachedTokens: 0, completionTokens: 10 };
  const late = { promptTokens: 5, cachedTokens: 0, completionTokens: 20 };
  expect(furtherReport(undefined, early)).toBe(early);
  expect(furtherReport(early, late)).toBe(late);
  expect(furtherReport(late, early)).toBe(late);
});
