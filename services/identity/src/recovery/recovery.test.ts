import { describe, expect, test } from '@jest/globals';
import type { ProofKind } from '@meridian/contracts/identity-recovery.ts';
import { isEnough, missingFor } from './recovery.ts';

const plain = { secondFactor: false, doubtful: false };
const idle = { secondFactor: false, doubtful: true };
const strong = { secondFactor: true, doubtful: false };

describe('what is enough to recover an account', () => {
  test.each<[ProofKind[], typeof plain, boolean]>([
    [[], plain, false],
    [['code'], plain, true],
    [['real_name'], plain, false],
    [['second_code'], plain, false],
    [['linked_login'], plain, false],
    [['passkey'], plain, true],
    [['code'], idle, false],
    [['code', 'real_name'], idle, true],
    [['code', 'second_code'], idle, true],
    [['real_name', 'second_code'], idle, false],
    [['passkey'], idle, true],
    [['code'], strong, false],
    [['code', 'second_code', 'real_name'], strong, false],
    [['totp'], strong, false],
    [['recovery_code'], strong, false],
    [['code', 'totp'], strong, true],
    [['code', 'recovery_code'], strong, true],
    [['totp', 'recovery_code'], strong, true],
    [['passkey'], strong, true],
  ])('%j of %j: %s', (proofs, standing, enough) => {
    expect(isEnough(proofs, standing)).toBe(enough);
  });

  test('what is missing names only what the account has and what would be enough', () => {
    expect(missingFor(['code'], ['code', 'totp', 'recovery_code', 'real_name'], strong)).toEqual([
      'totp',
      'recovery_code',
    ]);
    expect(missingFor(['code'], ['code', 'real_name'], idle)).toEqual(['real_name']);
    expect(missingFor(['code'], ['code'], idle)).toEqual([]);
    expect(missingFor(['code'], ['code', 'passkey'], plain)).toEqual([]);
  });
});
