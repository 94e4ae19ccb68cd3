import { describe, expect, test } from '@jest/globals';
import { addMonths } from './add-months.ts';

describe('addMonths', () => {
  test.each([
    ['2026-08-31T10:00:00.000Z', -6, '2026-02-28T10:00:00.000Z'],
    ['2028-08-31T10:00:00.000Z', -6, '2028-02-29T10:00:00.000Z'],
    ['2026-08-31T10:00:00.000Z', 6, '2027-02-28T10:00:00.000Z'],
    ['2026-12-31T23:59:59.999Z', -1, '2026-11-30T23:59:59.999Z'],
    ['2026-03-15T00:00:00.000Z', -6, '2025-09-15T00:00:00.000Z'],
    ['2028-02-29T00:00:00.000Z', 60, '2033-02-28T00:00:00.000Z'],
    ['2026-08-31T10:00:00.000Z', 0, '2026-08-31T10:00:00.000Z'],
  ])('%s and %i months make %s', (at, months, expected) => {
    expect(addMonths(new Date(at), months).toISOString()).toBe(expected);
  });

  test('whatever is deleted as older than a period has been kept for all of it', () => {
    for (let day = 0; day < 4 * 366; day += 1) {
      const now = new Date(Date.UTC(2026, 0, 1 + day));
      expect(addMonths(addMonths(now, -6), 6).getTime()).toBeLessThanOrEqual(now.getTime());
    }
  });
});
