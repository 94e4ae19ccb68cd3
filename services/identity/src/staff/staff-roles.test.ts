import { describe, expect, test } from '@jest/globals';
import { rolesOf } from './staff-roles.ts';

describe('rolesOf', () => {
  test('known roles are taken, unknown ones are nothing', () => {
    expect(rolesOf(['finance', 'root', 'reviewer'])).toEqual(['reviewer', 'finance']);
    expect(rolesOf('admin')).toEqual(['admin']);
  });

  test.each([undefined, null, 7, {}, [], ['Admin', 'admin ', ['admin']], 'finance,admin'])(
    '%j gives no role',
    (claim) => {
      expect(rolesOf(claim)).toEqual([]);
    },
  );
});
