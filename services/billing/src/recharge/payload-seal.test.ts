import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { openPayload, sealPayload } from './payload-seal.ts';

test('a kept message opens with its key, for its own event only, and unchanged only', () => {
  const key = randomBytes(32);
  const sealed = sealPayload(key, 'waffo 1', Buffer.from('{"payer":"someone"}'));
  expect(sealed.includes('someone')).toBe(false);
  expect(openPayload(key, 'waffo 1', sealed).toString()).toBe('{"payer":"someone"}');
  expect(() => openPayload(key, 'waffo 2', sealed)).toThrow();
  expect(() => openPayload(randomBytes(32), 'waffo 1', sealed)).toThrow();
  sealed[sealed.length - 1] = (sealed.at(-1) ?? 0) ^ 1;
  expect(() => openPayload(key, 'waffo 1', sealed)).toThrow();
});
