import { describe, expect, test } from '@jest/globals';
import { currentForMs, decideRotation, previousForMs } from './signing-key.ts';

const start = new Date('2026-11-22T10:00:00Z');
const after = (ms: number) => new Date(start.getTime() + ms);
const current = { kid: 'a', state: 'current' as const, activatedAt: start, retiredAt: null };

describe('decideRotation', () => {
  test('without a key the first is drawn', () => {
    expect(decideRotation([], start)).toEqual({ first: true, rotate: false, remove: [] });
  });

  test('without a current key the next one signs; where both were taken off, a new first', () => {
    const next = { kid: 'n', state: 'next' as const, activatedAt: null, retiredAt: null };
    const previous = { kid: 'b', state: 'previous' as const, activatedAt: start, retiredAt: start };
    expect(decideRotation([next], start)).toEqual({ first: false, rotate: true, remove: [] });
    expect(decideRotation([previous], start)).toEqual({ first: true, rotate: false, remove: [] });
  });

  test('a key signs for its period and not longer', () => {
    expect(decideRotation([current], after(currentForMs - 1)).rotate).toBe(false);
    expect(decideRotation([current], after(currentForMs)).rotate).toBe(true);
  });

  test('a retired key is removed only when no token of it can be alive', () => {
    const previous = { kid: 'b', state: 'previous' as const, activatedAt: start, retiredAt: start };
    expect(decideRotation([current, previous], after(previousForMs - 1)).remove).toEqual([]);
    expect(decideRotation([current, previous], after(previousForMs)).remove).toEqual(['b']);
  });
});
