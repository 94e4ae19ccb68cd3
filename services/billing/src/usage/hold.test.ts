import { describe, expect, test } from '@jest/globals';
import { endingOf, furtherReport, nothingBooked } from './hold.ts';

const usual = { before: nothingBooked, held: 100n, available: 0n, window: 30n, cancelled: false };

describe('endingOf', () => {
  test('charges the cost when the hold covers it', () => {
    expect(endingOf({ ...usual, cost: 60n })).toEqual({ charged: 60n, writtenOff: 0n, arrears: 0n });
  });
  test('an overrun is paid from what is available', () => {
    expect(endingOf({ ...usual, available: 500n, cost: 550n })).toEqual({ charged: 550n, writtenOff: 0n, arrears: 0n });
  });
  test('an overrun without money becomes arrears of at most one window; the rest is written off', () => {
    expect(endingOf({ ...usual, cost: 130n })).toEqual({ charged: 130n, writtenOff: 0n, arrears: 30n });
    expect(endingOf({ ...usual, cost: 131n })).toEqual({ charged: 130n, writtenOff: 1n, arrears: 30n });
  });
  test('arrears of before do not count as money', () => {
    expect(endingOf({ ...usual, available: -50n, cost: 140n })).toEqual({
      charged: 130n,
      writtenOff: 10n,
      arrears: 30n,
    });
  });
  test('a cancelled account pays from the hold only', () => {
    expect(endingOf({ ...usual, available: 500n, cancelled: true, cost: 140n })).toEqual({
      charged: 100n,
      writtenOff: 40n,
      arrears: 0n,
    });
  });
});

describe('endingOf after the hold expired', () => {
  const late = { ...usual, held: 0n, available: -20n };
  const before = { charged: 120n, writtenOff: 0n, arrears: 20n };

  test('with the same figures books nothing, whatever was written off', () => {
    expect(endingOf({ ...late, before, cost: 120n })).toEqual(nothingBooked);
    const lost = { charged: 130n, writtenOff: 40n, arrears: 30n };
    expect(endingOf({ ...late, available: 500n, before: lost, cost: 170n })).toEqual(nothingBooked);
  });
  test('leaves what is left of the one window, and no second one', () => {
    expect(endingOf({ ...late, before, cost: 140n })).toEqual({ charged: 10n, writtenOff: 10n, arrears: 10n });
  });
  test('is paid from what is available', () => {
    expect(endingOf({ ...late, available: 15n, before, cost: 150n })).toEqual({
      charged: 25n,
      writtenOff: 5n,
      arrears: 10n,
    });
  });
  test('below what was booked gives back: first what was written off, then what was charged, of that the arrears', () => {
    const lost = { charged: 130n, writtenOff: 40n, arrears: 30n };
    expect(endingOf({ ...late, before: lost, cost: 150n })).toEqual({ charged: 0n, writtenOff: -20n, arrears: 0n });
    expect(endingOf({ ...late, before: lost, cost: 20n })).toEqual({ charged: -110n, writtenOff: -40n, arrears: -30n });
    expect(endingOf({ ...late, before: lost, cost: 110n })).toEqual({ charged: -20n, writtenOff: -40n, arrears: -20n });
    expect(endingOf({ ...late, cancelled: true, before, cost: 113n })).toEqual({
      charged: -7n,
      writtenOff: 0n,
      arrears: -7n,
    });
  });
});

test('of two reports the one further along counts, in whatever order they come', () => {
  const early = { promptTokens: 5, cachedTokens: 0, completionTokens: 10 };
  const late = { promptTokens: 5, cachedTokens: 0, completionTokens: 20 };
  expect(furtherReport(undefined, early)).toBe(early);
  expect(furtherReport(early, late)).toBe(late);
  expect(furtherReport(late, early)).toBe(late);
});
