import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { judgeKey, type KeyFacts } from './key.ts';

const now = new Date('2026-11-22T12:00:00Z');
const facts: KeyFacts = {
  keyId: 'key_cn_01ARZ3NDEKTSV4RRFFQ69G5FAV',
  accountId: 'acc_cn_01ARZ3NDEKTSV4RRFFQ69G5FAV',
  product: 'payg',
  revokedAt: null,
  cancelledAt: null,
  exhaustedAt: null,
  protection: null,
};
const ahead = { caseId: 'cas_cn_01ARZ3NDEKTSV4RRFFQ69G5FAV', until: new Date(now.getTime() + 1) };
const codeOf = (value: KeyFacts | undefined) => {
  const verdict = judgeKey(value, now, 'https://appeal.example');
  return verdict.valid ? 'valid' : verdict.refusal.code;
};

describe('what a key is worth', () => {
  test('reasons come in one order, whatever else is true', () => {
    const order = ['key_revoked', 'account_cancelled', 'account_protected', 'balance_exhausted'];
    fc.assert(
      fc.property(fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean(), (revoked, cancelled, guarded, exhausted) => {
        const flags = [revoked, cancelled, guarded, exhausted];
        const expected = order[flags.indexOf(true)] ?? 'valid';
        expect(
          codeOf({
            ...facts,
            revokedAt: revoked ? now : null,
            cancelledAt: cancelled ? now : null,
            protection: guarded ? ahead : null,
            exhaustedAt: exhausted ? now : null,
          }),
        ).toBe(expected);
      }),
    );
  });

  test('an unknown key is invalid, an erased one is of a cancelled account', () => {
    expect(codeOf(undefined)).toBe('key_invalid');
    expect(codeOf({ ...facts, accountId: null })).toBe('account_cancelled');
  });

  test('a protection counts until its end time and not a moment longer', () => {
    expect(codeOf({ ...facts, protection: { ...ahead, until: now } })).toBe('valid');
    expect(judgeKey({ ...facts, protection: ahead }, now, 'https://appeal.example')).toEqual({
      valid: false,
      refusal: {
        code: 'account_protected',
        caseId: ahead.caseId,
        until: '2026-11-22T12:00:00.001Z',
        appealUrl: 'https://appeal.example',
      },
    });
  });
});
