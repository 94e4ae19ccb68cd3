import { describe, expect, test } from '@jest/globals';
import { failureOf, isOutdated, returnAddress, revocationBackOffMs } from './login-flow.ts';

const at = (seconds: number) => new Date(Date.UTC(2026, 10, 1) + seconds * 1_000);

describe('a login elsewhere', () => {
  test.each([
    ['denied_by_user', 'login_denied'],
    ['provider_unavailable', 'login_unavailable'],
    ['invalid_callback', 'login_failed'],
    ['provider_error', 'login_failed'],
    [undefined, 'login_failed'],
  ])('%s is told as %s', (code, told) => {
    expect(failureOf(code)).toBe(told);
  });
  test('the way back keeps what the address has', () => {
    expect(returnAddress('https://console.example/login?tab=1', { login: 'a b' })).toBe(
      'https://console.example/login?tab=1&login=a+b',
    );
  });
  test('a message in whole seconds is about the past only if the person came back a second later', () => {
    expect(isOutdated(at(10), at(10))).toBe(false);
    expect(isOutdated(at(10), new Date(at(10).getTime() + 999))).toBe(false);
    expect(isOutdated(at(10), at(11))).toBe(true);
  });
  test('a token is tried to be ended six times', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7].map(revocationBackOffMs);
    expect(waits.filter((wait) => wait !== undefined)).toHaveLength(6);
    expect(waits.at(-1)).toBeUndefined();
  });
});
