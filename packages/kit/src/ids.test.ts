import { describe, expect, test } from '@jest/globals';
import { accountId } from '@meridian/contracts/common.ts';
import { newId, newTimelessId, regionOfId, timeOfId, ulid } from './ids.ts';

describe('ids', () => {
  test('carry their prefix and region and satisfy the contract', () => {
    const id = newId('acc', 'cn', new Date('2026-11-22T00:00:00Z'));
    expect(accountId.parse(id)).toBe(id);
    expect(regionOfId(id)).toBe('cn');
  });

  test('encode the time as the ULID specification says', () => {
    // The specification's example: 01ARZ3NDEK is 1469922850259 ms.
    expect(ulid(new Date(1_469_922_850_259)).slice(0, 10)).toBe('01ARZ3NDEK');
    expect(ulid(new Date(281_474_976_710_655)).slice(0, 10)).toBe('7ZZZZZZZZZ');
  });

  test('sort by time', () => {
    const ids = [5, 1, 4, 1_000_000, 2].map((ms) => newId('evt', 'global', new Date(ms)));
    const times = [...ids].sort().map((id) => ids.indexOf(id));
    expect(times).toEqual([1, 4, 2, 0, 3]);
  });

  test('do not repeat within a millisecond', () => {
    const now = new Date();
    expect(new Set(Array.from({ length: 10_000 }, () => ulid(now))).size).toBe(10_000);
  });

  test('without a time are as well-formed, and tell nothing of when they were drawn', () => {
    const ids = Array.from({ length: 1_000 }, () => newTimelessId('acc', 'cn'));
    for (const id of ids) expect(accountId.parse(id)).toBe(id);
    expect(regionOfId(ids[0] ?? '')).toBe('cn');
    // 48 random bits are 8,919 years; by chance hardly one in a thousand falls into the decade of the clock.
    const near = ids.filter((id) => Math.abs((timeOfId(id)?.getTime() ?? 0) - Date.now()) < 5 * 365 * 86_400_000);
    expect(near.length).toBeLessThan(20);
  });

  test('anything else names no region', () => {
    for (const text of [
      '',
      'acc',
      'acc_cn',
      'acc_CN_01ARZ3NDEKTSV4RRFFQ69G5FAV',
      'acc_cn_01ARZ3NDEKTSV4RRFFQ69G5FAI',
      'x acc_cn_01ARZ3NDEKTSV4RRFFQ69G5FAV',
    ])
      expect(regionOfId(text)).toBeUndefined();
  });
});
