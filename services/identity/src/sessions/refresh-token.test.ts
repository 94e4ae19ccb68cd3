import { describe, expect, test } from '@jest/globals';
import { createRefreshTokens, regionOfRefreshToken } from './refresh-token.ts';

const sessionId = 'ses_cn_01JD8X4Q0V3Z5K7M9N1P2R4S6T';
const tokens = createRefreshTokens('a secret of this test only', 'cn');

describe('refresh tokens', () => {
  test('carry their region and family, and fit the declared length', () => {
    const token = tokens.first(sessionId);
    expect(regionOfRefreshToken(token)).toBe('cn');
    expect(tokens.familyOf(token)).toBe(sessionId);
    expect(token.length).toBeLessThanOrEqual(200);
  });

  test('the same parent has one successor, of the same family, another than itself', () => {
    const parent = tokens.first(sessionId);
    const child = tokens.successor(parent);
    expect(tokens.successor(parent)).toBe(child);
    expect(child).not.toBe(parent);
    expect(tokens.familyOf(child)).toBe(sessionId);
    expect(tokens.successor(child)).not.toBe(child);
  });

  test('a made-up token of a known family is nobody’s', () => {
    const forged = `${tokens.first(sessionId).slice(0, -65)}${'A'.repeat(65)}`;
    expect(regionOfRefreshToken(forged)).toBe('cn');
    expect(tokens.familyOf(forged)).toBeUndefined();
    expect(() => tokens.successor(forged)).toThrow();
  });

  test('another secret recognises nothing', () => {
    expect(createRefreshTokens('another secret of this test', 'cn').familyOf(tokens.first(sessionId))).toBeUndefined();
  });
});
