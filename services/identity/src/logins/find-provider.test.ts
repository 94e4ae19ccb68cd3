import { expect, test } from '@jest/globals';
import { singleFields } from './find-provider.ts';

const read = (form: string) => singleFields(Buffer.from(form));

test('a field that came twice is nobody’s', () => {
  expect(read('state=s+1%2B&code=a&user=u&code=b&__proto__=p&user=u')).toEqual(
    Object.fromEntries([
      ['state', 's 1+'],
      ['__proto__', 'p'],
    ]),
  );
});

test('of a form with more fields than any provider sends, only the first hundred are read', () => {
  const many = (fields: number) => Array.from({ length: fields }, (_, n) => `f${n}=1`).join('&');
  expect(Object.keys(read(many(16_000)))).toHaveLength(100);
  expect(read(`${'f&'.repeat(100)}state=s`)).toEqual({});
  expect(read(`${'f&'.repeat(99)}state=s`)).toEqual({ state: 's' });
});
