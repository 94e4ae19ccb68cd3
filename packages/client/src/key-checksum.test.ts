import { crc32 as zlibCrc32 } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { base62Digits, crc32, readPublicPart, toBase62 } from './key-checksum.ts';

const keyOf = (head: string) => `${head}${toBase62(zlibCrc32(head), 6)}00000000`;
const secret = 'A'.repeat(32);

describe('the public part of a key', () => {
  test("crc32 gives the standard's check value and agrees with zlib", () => {
    expect(crc32('123456789')).toBe(0xcbf43926);
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), (text) => {
        expect(crc32(text)).toBe(zlibCrc32(text));
      }),
    );
  });

  test('names product, region and pepper version', () => {
    expect(readPublicPart(keyOf(`sk-cn1_${secret}`))).toEqual({ product: 'payg', region: 'cn', pepperVersion: 1 });
    expect(readPublicPart(keyOf(`tp-global12_${secret}`))).toEqual({
      product: 'plan',
      region: 'global',
      pepperVersion: 12,
    });
  });

  test('a changed character anywhere before the tag is noticed', () => {
    const key = keyOf(`sk-cn1_${secret}`);
    fc.assert(
      fc.property(fc.nat(key.length - 9), fc.constantFrom(...base62Digits), (at, digit) => {
        fc.pre(key.charAt(at) !== digit);
        expect(readPublicPart(key.slice(0, at) + digit + key.slice(at + 1))).toBeUndefined();
      }),
    );
  });

  test('what is not a key is no key', () => {
    for (const text of [
      '',
      'sk-',
      'sk-abcdef',
      `sk-cn1_${secret}`,
      `${keyOf(`sk-cn1_${secret}`)}\n`,
      `xx-cn1_${secret}${'0'.repeat(14)}`,
    ])
      expect(readPublicPart(text)).toBeUndefined();
  });
});
