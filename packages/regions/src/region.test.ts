import { readdirSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { publicRegion } from '@meridian/contracts/identity.ts';
import { publicPart } from './public-region.ts';
import { profiles } from './region.ts';

test('every profile of the folder is listed, under its own id', () => {
  const files = readdirSync(new URL('./profiles/', import.meta.url)).map((name) => name.replace(/\.ts$/, ''));
  expect(Object.keys(profiles).sort()).toEqual(files.sort());
  expect(Object.values(profiles).map(({ id }) => id)).toEqual(Object.keys(profiles));
});

describe.each(Object.values(profiles))('the public part of $id', (profile) => {
  test('is what the contract says, and tells which consent a verification needs', () => {
    const shown = publicRegion.parse(publicPart(profile));
    const { realName } = profile;
    expect(shown.realName).toEqual(
      realName.policy === 'required'
        ? {
            policy: 'required',
            before: realName.before,
            kinds: realName.kinds,
            consentVersion: realName.consentVersion,
          }
        : { policy: 'not_required' },
    );
  });
});
