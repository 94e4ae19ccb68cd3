import { describe, expect, test } from '@jest/globals';
import { base32, matchingStep, totpAt, totpUri } from './totp.ts';

const secret = Buffer.from('12345678901234567890');

describe('TOTP', () => {
  // RFC 6238, appendix B, SHA-1, the last six of eight digits.
  test.each([
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ])('at %d s is the code of the RFC', (seconds, code) => {
    expect(totpAt(secret, Math.floor(seconds / 30))).toBe(code);
  });

  test('is accepted one step early or late, not two, and never again', () => {
    const now = new Date(1_234_567_890_000);
    const step = Math.floor(1_234_567_890 / 30);
    for (const offset of [-1, 0, 1])
      expect(matchingStep(secret, totpAt(secret, step + offset), now, 0)).toBe(step + offset);
    for (const offset of [-2, 2]) expect(matchingStep(secret, totpAt(secret, step + offset), now, 0)).toBeUndefined();
    expect(matchingStep(secret, totpAt(secret, step), now, step)).toBeUndefined();
    expect(matchingStep(secret, totpAt(secret, step - 1), now, step)).toBeUndefined();
  });

  test('its secret is written in base 32 of RFC 4648', () => {
    expect(base32(Buffer.from('foobar'))).toBe('MZXW6YTBOI');
    expect(base32(Buffer.from('f'))).toBe('MY');
    expect(totpUri(secret, { issuer: 'Meridian', account: 'a***@example.com' })).toContain(
      'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
    );
  });
});
