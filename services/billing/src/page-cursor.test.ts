import { expect, test } from '@jest/globals';
import { pageFrom, readCursor, writeCursor } from './page-cursor.ts';

const place = { at: new Date('2026-11-22T12:00:00.123Z'), id: 'ord_cn_01JABCDEFGHJKMNPQRSTVWXYZ0' };

test('a cursor names the place it was written for', () => {
  expect(readCursor(writeCursor(place))).toEqual(place);
  expect(readCursor(undefined)).toBeUndefined();
});

test.each(['x', Buffer.from('12 x').toString('base64url'), Buffer.from(`1' or 1=1 ${place.id}`).toString('base64url')])(
  'what is no cursor is refused: %s',
  (text) => {
    expect(() => readCursor(text)).toThrow(expect.objectContaining({ code: 'invalid_input' }));
  },
);

test('only a page with more behind it names a next one', () => {
  const rows = [place, { ...place, id: 'ord_cn_01JABCDEFGHJKMNPQRSTVWXYZ1' }];
  expect(pageFrom(rows, 2, (row) => row).next).toBeNull();
  expect(readCursor(pageFrom(rows, 1, (row) => row).next ?? '')).toEqual(place);
});
