import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isWithin } from './ip-network.ts';
import { judgeKey, type KeyFacts, type KeyUse } from './key.ts';

const now = new Date('2026-11-22T12:00:00Z');
const ms = (n: number) => new Date(now.getTime() + n);
const facts: KeyFacts = {
  keyId: 'key_cn_01ARZ3NDEKTSV4RRFFQ69G5FAV',
  accountId: 'acc_cn_01ARZ3NDEKTSV4RRFFQ69G5FAV',
  product: 'payg',
  models: null,
  endpoints: null,
  networks: null,
  limits: { requestsPerMinute: null, tokensPerMinute: null, tokensPerDay: null },
  revokedAt: null,
  secretEndsAt: null,
  expiresAt: null,
  cancelledAt: null,
  exhaustedAt: null,
  planUntil: null,
  frozen: false,
  protection: null,
  position: '7',
};
const ahead = { caseId: 'cas_cn_01ARZ3NDEKTSV4RRFFQ69G5FAV', until: ms(1) };
const appealUrl = 'https://appeal.example';
const codeOf = (value: KeyFacts | undefined, { ip, ...use }: KeyUse & { ip?: string | undefined } = {}) => {
  const isFrom = ip === undefined ? undefined : (networks: readonly string[]) => isWithin(networks, ip);
  const verdict = judgeKey(value, { ...use, isFrom }, now, appealUrl);
  return verdict.valid ? 'valid' : verdict.refusal.code;
};

describe('what a key is worth', () => {
  test('reasons come in one order, whatever else is true', () => {
    const reasons: [string, Partial<KeyFacts>][] = [
      ['key_revoked', { revokedAt: now }],
      ['key_expired', { expiresAt: now }],
      ['account_cancelled', { cancelledAt: now }],
      ['account_protected', { protection: ahead }],
      ['account_frozen', { frozen: true }],
      ['balance_exhausted', { exhaustedAt: now }],
      ['ip_not_allowed', { networks: ['10.0.0.0/8'] }],
      ['endpoint_not_allowed', { endpoints: ['embeddings'] }],
      ['model_not_allowed', { models: ['other'] }],
    ];
    fc.assert(
      fc.property(fc.subarray(reasons), (chosen) => {
        const value = Object.assign({}, facts, ...chosen.map(([, change]) => change));
        expect(codeOf(value, { ip: '11.0.0.1', model: 'm', endpoint: 'chat/completions' })).toBe(
          chosen[0]?.[0] ?? 'valid',
        );
      }),
    );
  });

  test('an unknown key is invalid, an erased one is of a cancelled account', () => {
    expect(codeOf(undefined)).toBe('key_invalid');
    expect(codeOf({ ...facts, accountId: null })).toBe('account_cancelled');
  });

  test('times count until they are reached and not a moment longer', () => {
    expect(codeOf({ ...facts, protection: { ...ahead, until: now } })).toBe('valid');
    expect(codeOf({ ...facts, expiresAt: ms(1) })).toBe('valid');
    expect(codeOf({ ...facts, secretEndsAt: ms(1) })).toBe('valid');
    expect(codeOf({ ...facts, secretEndsAt: now })).toBe('key_revoked');
    expect(judgeKey({ ...facts, protection: ahead }, {}, now, appealUrl)).toEqual({
      valid: false,
      refusal: {
        code: 'account_protected',
        caseId: ahead.caseId,
        until: '2026-11-22T12:00:00.001Z',
        appealUrl,
      },
    });
  });

  test('a plan key is good while the plan is, and does not ask for money', () => {
    const plan = { ...facts, product: 'plan' } as const;
    expect(codeOf(plan)).toBe('plan_inactive');
    expect(codeOf({ ...plan, planUntil: now })).toBe('plan_inactive');
    expect(codeOf({ ...plan, planUntil: ms(1), exhaustedAt: now })).toBe('valid');
  });

  test('a list refuses what is not on it, and what is not known', () => {
    const use = { ip: '2001:db8::7', model: 'm', endpoint: 'chat/completions' };
    const bound = {
      ...facts,
      networks: ['192.0.2.1', '2001:db8::/32'],
      models: ['m'],
      endpoints: ['chat/completions'],
    };
    expect(codeOf(bound, use)).toBe('valid');
    expect(codeOf(bound, { ...use, ip: '::ffff:192.0.2.1' })).toBe('valid');
    expect(codeOf(bound, { ...use, ip: '192.0.2.2' })).toBe('ip_not_allowed');
    expect(codeOf(bound, { ...use, ip: undefined })).toBe('ip_not_allowed');
    expect(codeOf(bound, { ...use, endpoint: undefined })).toBe('endpoint_not_allowed');
    expect(codeOf(bound, { ...use, model: 'n' })).toBe('model_not_allowed');
    expect(codeOf(bound, { ...use, model: undefined })).toBe('model_not_allowed');
    expect(codeOf(bound, { ...use, model: null })).toBe('valid');
  });
});
