import { describe, expect, test } from '@jest/globals';
import { flawOfAmount, mismatchOf, nextQueryAt, orderNoOf } from './order.ts';

describe('nextQueryAt', () => {
  const now = new Date('2026-11-22T12:00:00Z');
  const later = (minutes: number) => new Date(now.getTime() + minutes * 60_000);
  const seconds = (asked: number, expiresAt: Date) =>
    (nextQueryAt(asked, now, expiresAt).getTime() - now.getTime()) / 1000;

  test('waits 5 s, 30 s, 2 min, 10 min, then an hour each', () => {
    expect([0, 1, 2, 3, 4, 5, 99].map((asked) => seconds(asked, later(600)))).toEqual([
      5, 30, 120, 600, 3600, 3600, 3600,
    ]);
  });
  test('asks just after the expiry rather than an hour later', () => {
    expect(seconds(4, later(30))).toBe(1801);
  });
  test('keeps to the schedule after the expiry', () => {
    expect(seconds(4, later(-1))).toBe(3600);
  });
});

describe('flawOfAmount', () => {
  const limits = { minimum: 1_000n, maximum: 50_000n, step: 10n };
  test('takes whole steps within the bounds, both included', () => {
    for (const amount of [1_000n, 1_010n, 50_000n]) expect(flawOfAmount(amount, limits)).toBeUndefined();
  });
  test('refuses less, more and parts of a step', () => {
    for (const amount of [990n, 50_010n, 1_005n]) expect(flawOfAmount(amount, limits)).toEqual(expect.any(String));
  });
});

test('a stated payment must fit the order in amount and currency', () => {
  const order = { amount: 5n, currency: 'CNY' };
  expect(mismatchOf(order, { amount: 5n, currency: 'CNY' })).toBeUndefined();
  expect(mismatchOf(order, { amount: 6n, currency: 'CNY' })).toBe('amount');
  expect(mismatchOf(order, { amount: 5n, currency: 'USD' })).toBe('currency');
});

test('an order number is what every channel takes', () => {
  expect(orderNoOf('01JABCDEFGHJKMNPQRSTVWXYZ0')).toMatch(/^[0-9A-Z]{27}$/);
});
