import { expect, test } from '@jest/globals';
import { allClosed, withCleanup } from './cleanup.ts';

const failing = (text: string) => async () => {
  throw new Error(text);
};

test('what was opened is closed, the last first, and the answer is passed on', async () => {
  const closed: string[] = [];
  const answer = await withCleanup(async (defer) => {
    defer(() => closed.push('first'));
    defer(() => closed.push('second'));
    return 7;
  });
  expect([answer, closed]).toEqual([7, ['second', 'first']]);
});

test('neither a failing test nor a failing close keeps the rest open, and both are told', async () => {
  const closed: string[] = [];
  const playing = withCleanup(async (defer) => {
    defer(() => closed.push('first'));
    defer(failing('cannot close'));
    throw new Error('the test failed');
  });
  await expect(playing).rejects.toThrow(/the test failed\n.*cannot close/);
  expect(closed).toEqual(['first']);
});

test('one that fails does not keep from waiting for the others', async () => {
  let ended = false;
  const slow = new Promise((resolve) => setImmediate(resolve)).then(() => {
    ended = true;
  });
  await expect(allClosed([failing('cannot close')(), slow])).rejects.toThrow('cannot close');
  expect(ended).toBe(true);
});
