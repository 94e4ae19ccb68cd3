import { describe, expect, test } from '@jest/globals';
import { durationText } from './rate-headers.ts';

describe("OpenAI's form of a duration", () => {
  test.each([
    [0, '0ms'],
    [-5, '0ms'],
    [250, '250ms'],
    [1_000, '1s'],
    [12_001, '13s'],
    [60_000, '1m0s'],
    [360_000, '6m0s'],
    [86_399_500, '24h0m0s'],
    [3_661_000, '1h1m1s'],
  ])('%i ms is %s', (ms, text) => {
    expect(durationText(ms)).toBe(text);
  });
});
