import { expect, test } from '@jest/globals';
import { createPasswords } from './passwords.ts';

test('a password is kept as argon2id with 19 MiB and 2 passes, and is worth nothing without the pepper', async () => {
  const passwords = createPasswords(Buffer.alloc(32, 1));
  const hash = await passwords.hash('Ångström horse');
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  expect(await passwords.verify(hash, 'Ångström horse'.normalize('NFD'))).toBe(true);
  expect(await passwords.verify(hash, 'ångström horse')).toBe(false);
  expect(await createPasswords(Buffer.alloc(32, 2)).verify(hash, 'Ångström horse')).toBe(false);
  expect(await passwords.verify(undefined, 'Ångström horse')).toBe(false);
});
