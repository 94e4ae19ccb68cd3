import { expect, test } from '@jest/globals';
import { drawClusterId } from './draw-cluster-id.ts';

test('an id of 22 characters that no command line takes for an option', () => {
  const draws = [Buffer.alloc(16, 0xf8), Buffer.alloc(16, 0xfb), Buffer.alloc(16, 7)];
  expect(Buffer.alloc(16, 0xf8).toString('base64url')).toMatch(/^-/);
  expect(drawClusterId(() => draws.shift() as Buffer)).toBe(Buffer.alloc(16, 7).toString('base64url'));
  expect(drawClusterId()).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
});
