import { describe, expect, test } from '@jest/globals';
import { allFenced, consequencesOf, fenceBackOffMs, othersErased, type Standing, type Step } from './cancellation.ts';
import { versionOf } from './consequences-version.ts';

const nothing: Standing = { balance: { available: '0', held: '0', currency: 'CNY' }, activeKeys: 0, openCase: false };
const step = (service: Step['service'], change: Partial<Step> = {}): Step => ({
  service,
  fencedAt: null,
  erasedAt: null,
  erased: null,
  retained: [],
  ...change,
});
const now = new Date();

describe('cancellation', () => {
  test('a balance and an open case are named among what is lost, and only then', () => {
    const codes = (standing: Standing) => consequencesOf(standing).map((c) => c.code);
    expect(codes(nothing)).toEqual(['access_ends', 'keys_expire', 'data_is_erased']);
    expect(codes({ ...nothing, balance: { ...nothing.balance, held: '1' }, openCase: true })).toEqual([
      'access_ends',
      'keys_expire',
      'balance_is_lost',
      'open_case_ends',
      'data_is_erased',
    ]);
  });

  test('the version changes with every fact', () => {
    const versions = [
      nothing,
      { ...nothing, activeKeys: 1 },
      { ...nothing, openCase: true },
      { ...nothing, balance: { ...nothing.balance, available: '1' } },
      { ...nothing, balance: { ...nothing.balance, held: '1' } },
    ].map(versionOf);
    expect(new Set(versions).size).toBe(versions.length);
    expect(versionOf({ ...nothing })).toBe(versionOf(nothing));
  });

  test('fences are asked for again ever more slowly', () => {
    expect([1, 2, 3, 4, 5, 99].map(fenceBackOffMs)).toEqual([1_000, 5_000, 30_000, 120_000, 600_000, 600_000]);
  });

  test('all must be fenced; all but identity must be erased', () => {
    expect(allFenced([])).toBe(false);
    expect(allFenced([step('billing', { fencedAt: now }), step('identity')])).toBe(false);
    expect(allFenced([step('billing', { fencedAt: now }), step('identity', { fencedAt: now })])).toBe(true);
    expect(othersErased([step('billing'), step('identity')])).toBe(false);
    expect(othersErased([step('billing', { erasedAt: now }), step('identity')])).toBe(true);
  });
});
