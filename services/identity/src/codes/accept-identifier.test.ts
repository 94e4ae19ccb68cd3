import { describe, expect, test } from '@jest/globals';
import { profiles } from '@meridian/regions/region.ts';
import { acceptIdentifier } from './accept-identifier.ts';

const cn = profiles.cn!.registration;
const global = profiles.global!.registration;
const refused = expect.objectContaining({ code: 'identifier_not_accepted' });

describe('acceptIdentifier', () => {
  test('a mainland mobile is taken where the profile registers phones', () => {
    expect(acceptIdentifier(cn, { kind: 'phone', value: '+8613800138000' })).toEqual({
      kind: 'phone',
      value: '+8613800138000',
      method: 'phone_code',
    });
  });

  test.each(['+861062626262', '+8612012345678', '+14155552671', '+85251234567', '+86138001380001'])(
    '%s is refused: not a mobile of that country',
    (value) => {
      expect(() => acceptIdentifier(cn, { kind: 'phone', value })).toThrow(refused);
    },
  );

  test('an address is compared without regard to case', () => {
    expect(acceptIdentifier(global, { kind: 'email', value: 'Ada@Example.COM' }).value).toBe('ada@example.com');
  });

  test('the kind that the profile does not register is refused', () => {
    expect(() => acceptIdentifier(cn, { kind: 'email', value: 'ada@example.com' })).toThrow(refused);
    expect(() => acceptIdentifier(global, { kind: 'phone', value: '+8613800138000' })).toThrow(refused);
  });
});
