import { describe, expect, test } from '@jest/globals';
import { readPublicPart } from './key-checksum.ts';
import { exampleKey, findKeys } from './key-scanner.ts';

describe('finding keys in text', () => {
  const key = exampleKey('cn');

  test('the example has a right checksum and is found where it stands', () => {
    expect(readPublicPart(key)).toEqual({ product: 'payg', region: 'cn', pepperVersion: 1 });
    for (const text of [key, `MERIDIAN_KEY="${key}"`, `curl -H 'api-key: ${key}' x`, `a\n${key}\nb`, `{"k":"${key}"}`])
      expect(findKeys(text)).toEqual([
        { key, index: text.indexOf(key), product: 'payg', region: 'cn', pepperVersion: 1 },
      ]);
  });

  test('what only looks like one is not found', () => {
    const wrong = `${key.slice(0, 20)}${key[20] === 'x' ? 'y' : 'x'}${key.slice(21)}`;
    for (const text of [wrong, key.slice(0, -1), `${key}A`, `x${key}`, 'sk-abcdefghijklmnopqrstuvwxyz0123456789'])
      expect(findKeys(text)).toEqual([]);
  });

  test('many are found, up to the bound', () => {
    const text = Array(50).fill(key).join(' ');
    expect(findKeys(text)).toHaveLength(50);
    expect(findKeys(text, 7)).toHaveLength(7);
  });
});
