import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { signRsa, verifyRsa } from './rsa.ts';

test('a signature is taken as it was made, and in no other spelling', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const signature = signRsa(privateKey, 'message');
  expect(verifyRsa(publicKey, 'message', signature)).toBe(true);
  expect(verifyRsa(publicKey, 'messagE', signature)).toBe(false);
  const spellings = [`${signature}aaaa`, ` ${signature}`, signature.replaceAll('=', ''), `${signature}\n`, ''];
  for (const other of spellings) expect(verifyRsa(publicKey, 'message', other)).toBe(false);
});
