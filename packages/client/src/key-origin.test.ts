import { describe, expect, test } from '@jest/globals';
import { type BaseUrlOf, refuseOrigin } from './key-origin.ts';

const urls: Record<string, { payg: string; plan: string | null }> = {
  cn: { payg: 'https://model.cn.example/v1', plan: null },
  global: { payg: 'https://model.global.example/v1', plan: 'https://plan.global.example/v1' },
};
const baseUrlOf: BaseUrlOf = (region, product) => urls[region]?.[product];
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
    expect(refuseOrigin({ region: 'mars', product: 'payg' }, door, baseUrlOf)).toEqual({ code: 'key_invalid' });
    expect(refuseOrigin(undefined, door, baseUrlOf)).toEqual({ code: 'key_invalid' });
  });

  test('the right door is not refused', () => {
    expect(refuseOrigin(door, door, baseUrlOf)).toBeUndefined();
  });
});
