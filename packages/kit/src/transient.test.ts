import { expect, test } from '@jest/globals';
import { isTransient } from './transient.ts';

const withCode = (code: string, cause?: unknown) => Object.assign(new Error('x', { cause }), { code });

test.each([
  '08006',
  '28000',
  '28P01',
  '40001',
  '53300',
  '55P03',
  '57P01',
  'ECONNREFUSED',
  'unavailable',
  'CERT_HAS_EXPIRED',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])('%s passes by itself, also as a cause', (code) => {
  expect(isTransient(withCode(code))).toBe(true);
  expect(isTransient(withCode('other', withCode(code)))).toBe(true);
});

test.each(['23505', '42P01', '22P02', 'event_contract'])('%s is for a person to decide', (code) => {
  expect(isTransient(withCode(code))).toBe(false);
});
