import { expect, test } from '@jest/globals';
import { decimalOf, nanoOf } from './decimal.ts';

test.each([
  [10_000_000n, '0.01'],
  [1_000_000_000n, '1.00'],
  [12_340_000_000n, '12.34'],
  [10_000_000_000_000n, '10000.00'],
])('%s nano-units are written %s and read back', (nano, text) => {
  expect(decimalOf(nano)).toBe(text);
  expect(nanoOf(text)).toBe(nano);
});

test('parts of a cent are never sent', () => {
  expect(() => decimalOf(10_000_001n)).toThrow(RangeError);
  expect(() => decimalOf(0n)).toThrow(RangeError);
});

test.each(['', '-1.00', '1e3', '1,00', ' 1.00', '0x10', '1.0000000001', '1.', 'NaN'])('%j is no amount', (text) => {
  expect(nanoOf(text)).toBeUndefined();
});
