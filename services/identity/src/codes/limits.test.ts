import { describe, expect, test } from '@jest/globals';
import { identifierWindows, type Rule, slotOf, waitOf } from './limits.ts';

const at = (text: string) => new Date(`2026-11-22T10:00:${text}Z`);
const rule: Rule = { scope: 'a', slotSeconds: 1, windows: identifierWindows(60) };

describe('limits', () => {
  test('a hit is booked at the end of its slot, never before it happened', () => {
    expect(slotOf(at('10.001'), 1)).toEqual(at('11'));
    expect(slotOf(at('10'), 1)).toEqual(at('10'));
  });

  test('room in every window means no waiting', () => {
    expect(waitOf([rule], [{ scope: 'a', seconds: 60, used: 0, oldest: null }], at('10'))).toBeUndefined();
  });

  test('the longest wait of all full windows is told, and never less than a second', () => {
    const used = [
      { scope: 'a', seconds: 60, used: 1, oldest: at('00') },
      { scope: 'a', seconds: 3_600, used: 5, oldest: at('05') },
    ];
    expect(waitOf([rule], used, at('10'))).toBe(3_595);
    expect(waitOf([rule], used.slice(0, 1), at('59.999'))).toBe(1);
  });
});
