import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { keyRing } from './key-ring.ts';
import { newDataKey, openDataKey, openText, type Place, sealText } from './seal.ts';

const base64 = () => randomBytes(32).toString('base64');
const place: Place = { region: 'xa', table: 'submission', row: 'sub_1', field: 'name' };
const keyPlace: Place = { ...place, table: 'subject_key', field: 'key' };

describe('sealing', () => {
  const ring = keyRing.parse(`1:${base64()}`);
  const { dataKey, wrapped } = newDataKey(ring, keyPlace);

  test('what is sealed opens again at its place', () => {
    expect(openText(dataKey, place, sealText(dataKey, place, '张·三'))).toBe('张·三');
    const again = openDataKey(ring, keyPlace, wrapped, 1);
    expect(again.key.equals(dataKey.key)).toBe(true);
  });

  test.each<[string, Partial<Place>]>([
    ['region', { region: 'xb' }],
    ['table', { table: 'verification' }],
    ['row', { row: 'sub_2' }],
    ['field', { field: 'number' }],
  ])('a ciphertext moved to another %s does not open', (_, other) => {
    const sealed = sealText(dataKey, place, 'secret');
    expect(() => openText(dataKey, { ...place, ...other }, sealed)).toThrow('does not open');
    expect(() => openDataKey(ring, { ...keyPlace, ...other }, wrapped, 1)).toThrow('does not open');
  });

  test('another key version, another subject or a changed byte does not open', () => {
    const sealed = sealText(dataKey, place, 'secret');
    expect(() => openText({ ...dataKey, version: 2 }, place, sealed)).toThrow('does not open');
    expect(() => openText(newDataKey(ring, keyPlace).dataKey, place, sealed)).toThrow('does not open');
    for (let i = 0; i < sealed.length; i += 1) {
      const changed = Buffer.from(sealed);
      changed[i] = (changed[i] as number) ^ 1;
      expect(() => openText(dataKey, place, changed)).toThrow('does not open');
    }
    expect(() => openText(dataKey, place, sealed.subarray(0, 20))).toThrow('too short');
  });

  test('a rotated ring seals under the new key and still opens the old', () => {
    const [old, fresh] = [base64(), base64()];
    const before = keyRing.parse(`1:${old}`);
    const after = keyRing.parse(`1:${old},2:${fresh}`);
    const first = newDataKey(before, keyPlace);
    expect(openDataKey(after, keyPlace, first.wrapped, 1).key.equals(first.dataKey.key)).toBe(true);
    expect(newDataKey(after, keyPlace).dataKey.version).toBe(2);
    expect(() => openDataKey(keyRing.parse(`2:${fresh}`), keyPlace, first.wrapped, 1)).toThrow('no version 1');
  });

  test('parts of a place cannot run into each other', () => {
    expect(() => sealText(dataKey, { ...place, row: 'a|b' }, 'x')).toThrow('bar');
  });
});

describe('key ring', () => {
  test('a bare key is version 1', () => {
    const key = base64();
    expect(keyRing.parse(key).current.version).toBe(1);
    expect(keyRing.safeParse(`${key},1:${base64()}`).success).toBe(false);
  });

  test.each(['', 'abc', `0:${base64()}`, `1:${randomBytes(31).toString('base64')}`, `1:${base64()},1:${base64()}`])(
    'refuses %#',
    (text) => {
      const result = keyRing.safeParse(text);
      expect(result.success).toBe(false);
      if (text.length > 3) expect(JSON.stringify(result.error)).not.toContain(text);
    },
  );
});
