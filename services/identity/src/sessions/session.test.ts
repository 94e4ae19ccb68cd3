import { describe, expect, test } from '@jest/globals';
import { absoluteMs, graceMs, idleMs, idleUntil, judgeToken } from './session.ts';

const now = new Date('2026-11-22T10:00:00Z');
const later = (ms: number) => new Date(now.getTime() + ms);
const family = {
  tokenHash: 'child',
  parentHash: 'parent',
  rotatedAt: now,
  idleUntil: later(idleMs),
  expiresAt: later(absoluteMs),
  endedAt: null,
  delivery: 'body' as const,
};

describe('judgeToken', () => {
  test('the current token rotates', () => expect(judgeToken(family, 'child', now)).toBe('rotate'));

  test('its parent repeats the answer within the grace, and is theft after it', () => {
    expect(judgeToken(family, 'parent', later(graceMs))).toBe('repeat');
    expect(judgeToken(family, 'parent', later(graceMs + 1))).toBe('reuse');
  });

  test('an older ancestor is theft at once', () => expect(judgeToken(family, 'grandparent', now)).toBe('reuse'));

  test('an ended, idle or expired family is over, whatever is shown', () => {
    expect(judgeToken({ ...family, endedAt: now }, 'child', now)).toBe('over');
    expect(judgeToken(family, 'child', later(idleMs))).toBe('over');
    expect(judgeToken({ ...family, idleUntil: now, expiresAt: now }, 'parent', now)).toBe('over');
  });

  test('idling never outlasts the absolute end', () => {
    expect(idleUntil(now, later(1_000))).toEqual(later(1_000));
    expect(idleUntil(now, later(absoluteMs))).toEqual(later(idleMs));
  });
});
