import { describe, expect, test } from '@jest/globals';
import { createOpenCalls } from './open-calls.ts';

const account = (n: number) => `acc_cn_01ARZ3NDEKTSV4RRFFQ69G5FA${n}`;
const key = (n: number) => `key_cn_01ARZ3NDEKTSV4RRFFQ69G5FA${n}`;

const verified = (ofAccount: number, ofKey: number, position = '0') => ({
  accountId: account(ofAccount),
  keyId: key(ofKey),
  position,
});

describe('open calls', () => {
  test('a change ends the calls it concerns and no other', () => {
    const calls = createOpenCalls(10);
    const [a, b, c] = [calls.begin()!, calls.begin()!, calls.begin()!];
    a.identify(verified(1, 1));
    b.identify(verified(1, 2));
    c.identify(verified(2, 3));
    calls.apply([{ position: '1', accountId: account(1), keyId: key(1), reason: 'revoked' }]);
    expect([a, b, c].map((call) => call.reason())).toEqual(['revoked', undefined, undefined]);
    calls.apply([{ position: '2', accountId: account(1), keyId: null, reason: 'cancelled' }]);
    expect([a, b, c].map((call) => call.reason())).toEqual(['revoked', 'cancelled', undefined]);
    expect(b.signal.aborted).toBe(true);
    calls.apply([{ position: '3', accountId: account(2), keyId: null, reason: 'exhausted' }]);
    expect(c.signal.aborted).toBe(false);
  });

  test('a change that arrives before the owner is known still counts', () => {
    const calls = createOpenCalls(10);
    const call = calls.begin()!;
    calls.apply([{ position: '1', accountId: account(1), keyId: null, reason: 'protected' }]);
    expect(call.signal.aborted).toBe(false);
    call.identify(verified(1, 1));
    expect(call.reason()).toBe('protected');
  });

  test('a change that the verification has seen ends nothing, whenever it is heard of', () => {
    const calls = createOpenCalls(10);
    const [old, fresh, early] = [calls.begin()!, calls.begin()!, calls.begin()!];
    old.identify(verified(1, 1, '9'));
    fresh.identify(verified(1, 1, '10'));
    calls.apply([{ position: '10', accountId: account(1), keyId: key(1), reason: 'rotated' }]);
    early.identify(verified(1, 1, '10'));
    expect([old, fresh, early].map((call) => call.reason())).toEqual(['rotated', undefined, undefined]);
    calls.apply([{ position: '11', accountId: account(1), keyId: key(1), reason: 'revoked' }]);
    expect([fresh, early].map((call) => call.reason())).toEqual(['revoked', 'revoked']);
  });

  test('silence ends only calls that ran through it', () => {
    const calls = createOpenCalls(10);
    const old = calls.begin()!;
    const since = performance.now();
    const fresh = calls.begin()!;
    calls.cutSilent(since);
    expect(old.reason()).toBe('silence');
    expect(fresh.reason()).toBeUndefined();
  });

  test('places are bounded and given back', () => {
    const calls = createOpenCalls(1);
    const call = calls.begin()!;
    expect(calls.begin()).toBeUndefined();
    call.end();
    expect(calls.begin()).toBeDefined();
  });

  test('draining ends all and takes no more', async () => {
    const calls = createOpenCalls(5);
    const call = calls.begin()!;
    calls.drain();
    expect(call.reason()).toBe('draining');
    expect(calls.begin()).toBeUndefined();
    call.end();
    await calls.idle(1_000);
    expect(calls.count()).toBe(0);
  });
});
