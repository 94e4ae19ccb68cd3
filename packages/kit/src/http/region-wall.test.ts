import { expect, test } from '@jest/globals';
import { newId } from '../ids.ts';
import { createRegionWall } from './region-wall.ts';

const now = new Date('2026-11-22T12:00:00Z');
const wall = createRegionWall('xa', { xb: { addresses: { api: 'https://api.xb.example' } } });
const refusalOf = (id: string) => {
  try {
    wall(id);
  } catch (error) {
    return error;
  }
  return undefined;
};

test('an id of this region passes, and so does a text that is no id', () => {
  for (const id of [newId('acc', 'xa', now), '', 'acc_xb_', 'nonsense', 'acc_XB_01JABCDEFGHJKMNPQRSTVWXYZ0'])
    expect(refusalOf(id)).toBeUndefined();
});

test('an id of another region is refused with its home and the address of it, and the id is not repeated', () => {
  const id = newId('key', 'xb', now);
  expect(refusalOf(id)).toMatchObject({
    code: 'region_mismatch',
    definition: { status: 421 },
    message: 'This belongs to region xb; this is xa. Use https://api.xb.example',
    members: { region: 'xb', address: 'https://api.xb.example' },
  });
  expect(JSON.stringify(refusalOf(id))).not.toContain(id);
});

test.each(['xc', 'constructor'])('a home the directory does not know (%s) is named without an address', (home) => {
  const refusal = refusalOf(newId('acc', home, now));
  expect(refusal).toMatchObject({ message: `This belongs to region ${home}; this is xa`, members: { region: home } });
  expect((refusal as { members: object }).members).not.toHaveProperty('address');
});
