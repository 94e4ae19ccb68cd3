import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { deriveKey, mac, sameText } from './mac.ts';
import { open, seal } from './seal.ts';

describe('seal', () => {
  const key = randomBytes(32);

  test('opens what it sealed, and the same text never looks the same twice', () => {
    const first = seal(key, 'contact a', 'text');
    expect(open(key, 'contact a', first).toString()).toBe('text');
    expect(seal(key, 'contact a', 'text').equals(first)).toBe(false);
  });

  test('refuses another key, another binding and changed bytes', () => {
    const sealed = seal(key, 'contact a', 'text');
    const changed = Buffer.from(sealed);
    changed[changed.length - 1] = (changed[changed.length - 1] ?? 0) ^ 1;
    expect(() => open(randomBytes(32), 'contact a', sealed)).toThrow();
    expect(() => open(key, 'contact b', sealed)).toThrow();
    expect(() => open(key, 'contact a', changed)).toThrow();
  });
});

describe('mac', () => {
  test('keys of different purposes differ, and parts cannot be shifted', () => {
    expect(deriveKey('secret', 'a').equals(deriveKey('secret', 'b'))).toBe(false);
    const key = deriveKey('secret', 'a');
    expect(mac(key, 'ab', 'c')).not.toBe(mac(key, 'a', 'bc'));
  });

  test('texts of different lengths are not the same', () => {
    expect(sameText('abc', 'abcd')).toBe(false);
    expect(sameText('abc', 'abc')).toBe(true);
  });
});
