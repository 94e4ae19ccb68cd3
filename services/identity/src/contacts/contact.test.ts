import { describe, expect, test } from '@jest/globals';
import { maskContact } from './contact.ts';

describe('maskContact', () => {
  test('a number keeps its prefix and last four digits', () => {
    expect(maskContact('phone', '+8613800138000')).toBe('+86138****8000');
  });

  test('an address keeps its first letter and its domain, however short it is', () => {
    expect(maskContact('email', 'ada@example.com')).toBe('a***@example.com');
    expect(maskContact('email', 'a@example.com')).toBe('a***@example.com');
  });
});
