import { expect, test } from '@jest/globals';
import { personLetter, personText } from './common.ts';

test.each([
  ['one line', true, true],
  ['It was a quotation.\nPlease look again.', true, false],
  ['as Windows\r\nwrites\tit', true, false],
  ['a bell \u0007', false, false],
  ['an escape \u001b[31m', false, false],
  ['half a character \ud800', false, false],
  ['\n\t ', false, false],
])('%j: a letter %s, a short text %s', (text, letter, short) => {
  expect([personLetter(60).safeParse(text).success, personText(60).safeParse(text).success]).toEqual([letter, short]);
});
