import { describe, expect, test } from '@jest/globals';
import { base62Digits, readPublicPart } from '@meridian/client/key-checksum.ts';
import { keyPattern } from '@meridian/contracts/key-issuance.ts';
import fc from 'fast-check';
import { digestOf, digestOfPresented, makeKey, type Peppers, randomBase62 } from './key-format.ts';

const peppersOf = (secrets: Record<number, string>): Peppers => ({
  current: Math.max(...Object.keys(secrets).map(Number)),
  secretOf: (version) => secrets[version],
});
const one = peppersOf({ 1: 'pepper-one-0123456789' });

describe('key format', () => {
  test('a new key has the published form, names region, product and pepper version, and leads to its stored digest', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z]{2,12}$/),
        fc.constantFrom('payg' as const, 'plan' as const),
        fc.integer({ min: 1, max: 999 }),
        (region, product, version) => {
          const peppers = peppersOf({ [version]: 'a pepper of sixteen' });
          const made = makeKey(peppers, region, product);
          expect(made.key).toMatch(keyPattern);
          expect(readPublicPart(made.key)).toEqual({ region, product, pepperVersion: version });
          expect(digestOfPresented(peppers, region, made.key)?.equals(made.digest)).toBe(true);
          expect(made.digest).toHaveLength(32);
        },
      ),
    );
  });

  test('a changed character anywhere is refused', () => {
    const { key } = makeKey(one, 'cn', 'payg');
    fc.assert(
      fc.property(fc.nat(key.length - 1), fc.constantFrom(...base62Digits, '-', '_'), (at, digit) => {
        fc.pre(key.charAt(at) !== digit);
        expect(digestOfPresented(one, 'cn', key.slice(0, at) + digit + key.slice(at + 1))).toBeUndefined();
      }),
    );
  });

  test('a key made with another pepper of the same version is refused, so nobody can make keys without it', () => {
    const { key } = makeKey(peppersOf({ 1: 'another-pepper-123456' }), 'cn', 'payg');
    expect(readPublicPart(key)).toBeDefined();
    expect(digestOfPresented(one, 'cn', key)).toBeUndefined();
  });

  test('keys of a retired pepper stay good, those of an unknown one do not', () => {
    const old = makeKey(one, 'cn', 'payg');
    const both = peppersOf({ 1: 'pepper-one-0123456789', 2: 'pepper-two-0123456789' });
    expect(digestOfPresented(both, 'cn', old.key)?.equals(old.digest)).toBe(true);
    expect(makeKey(both, 'cn', 'payg').pepperVersion).toBe(2);
    expect(digestOfPresented(peppersOf({ 2: 'pepper-two-0123456789' }), 'cn', old.key)).toBeUndefined();
  });

  test('the display head shows at most four secret characters', () => {
    const { key, display } = makeKey(one, 'cn', 'payg');
    expect(display).toBe(`${key.slice(0, 'sk-cn1_'.length + 4)}…`);
  });

  test('the public tag does not tell the digest', () => {
    const { key, digest } = makeKey(one, 'cn', 'payg');
    expect(digestOf('pepper-one-0123456789', key).equals(digest)).toBe(true);
    expect(digestOf('pepper-one-0123456789', key.slice(0, -8)).equals(digest)).toBe(false);
  });

  test('random digits are uniform: every byte value counts once or is thrown away', () => {
    const everyByte = Uint8Array.from({ length: 256 }, (_, i) => i);
    const text = randomBase62(248, () => everyByte);
    const counts = Map.groupBy(text, (digit) => digit);
    expect(counts.size).toBe(62);
    for (const seen of counts.values()) expect(seen).toHaveLength(4);
  });

  test('bytes at or above 248 are thrown away', () => {
    const sources = [Uint8Array.of(255, 248, 250), Uint8Array.of(0, 61, 62)];
    expect(randomBase62(3, () => sources.shift() ?? new Uint8Array(1))).toBe('0z0');
  });

  test('keys do not repeat', () => {
    expect(new Set(Array.from({ length: 2_000 }, () => makeKey(one, 'cn', 'payg').key)).size).toBe(2_000);
  });
});
