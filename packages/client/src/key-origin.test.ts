import { describe, expect, test } from '@jest/globals';
import { baseUrlsIn, refuseOrigin } from './key-origin.ts';

const sells = (payg: string, plan: string | null) => ({ addresses: { baseUrls: { payg, plan } } });
const baseUrlOf = baseUrlsIn({
  cn: sells('https://model.cn.example/v1', null),
  global: sells('https://model.global.example/v1', 'https://plan.global.example/v1'),
});
const door = { region: 'cn', product: 'payg' } as const;

describe('a key at the wrong door', () => {
  test('is told its region and the Base URL it works at', () => {
    expect(refuseOrigin({ region: 'global', product: 'payg' }, door, baseUrlOf)).toEqual({
      code: 'key_region_mismatch',
      region: 'global',
      baseUrl: 'https://model.global.example/v1',
    });
    expect(refuseOrigin({ region: 'global', product: 'plan' }, door, baseUrlOf)).toMatchObject({
      code: 'key_region_mismatch',
      baseUrl: 'https://plan.global.example/v1',
    });
  });

  test('is told that its product has another Base URL, or that there is none', () => {
    const global = { region: 'global', product: 'payg' } as const;
    expect(refuseOrigin({ region: 'global', product: 'plan' }, global, baseUrlOf)).toEqual({
      code: 'key_product_mismatch',
      region: 'global',
      baseUrl: 'https://plan.global.example/v1',
    });
    expect(refuseOrigin({ region: 'cn', product: 'plan' }, door, baseUrlOf)).toEqual({
      code: 'key_product_mismatch',
      region: 'cn',
    });
  });

  test('of an unknown region is invalid, like what is no key at all', () => {
    for (const region of ['mars', 'constructor'])
      expect(refuseOrigin({ region, product: 'payg' }, door, baseUrlOf)).toEqual({ code: 'key_invalid' });
    expect(refuseOrigin(undefined, door, baseUrlOf)).toEqual({ code: 'key_invalid' });
  });

  test('the right door is not refused', () => {
    expect(refuseOrigin(door, door, baseUrlOf)).toBeUndefined();
  });
});
