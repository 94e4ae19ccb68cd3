import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { newId } from '../ids.ts';
import { instant, pageFrom, readCursor, timePlace, writeCursor } from './page.ts';

const now = new Date('2026-11-22T12:00:00.123Z');
const orders = timePlace('ord');
const place = { at: now, id: newId('ord', 'xa', now) };
const cursorOf = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

test('a cursor names the place it was written for', () => {
  expect(readCursor(orders, writeCursor(orders, place))).toEqual(place);
  expect(readCursor(orders, undefined)).toBeUndefined();
});

test('a list with an order of its own says what its cursor carries', () => {
  const cases = z.strictObject({ urgency: z.int().min(0).max(2), dueAt: instant, id: z.string() });
  const at = { urgency: 1, dueAt: now, id: 'cas_1' };
  expect(readCursor(cases, writeCursor(cases, at))).toEqual(at);
  expect(() => readCursor(cases, writeCursor(orders, place))).toThrow(
    expect.objectContaining({ code: 'invalid_input' }),
  );
});

test('a cursor fits the 200 characters a query may carry', () => {
  const id = newId('ord', 'abcdefghijkl', now);
  expect(writeCursor(orders, { at: new Date('9999-12-31T23:59:59.999Z'), id }).length).toBeLessThanOrEqual(200);
});

const time = now.getTime();
test.each([
  ['empty', ''],
  ['no JSON', 'x'],
  ['null', cursorOf(null)],
  ['a place of another list', writeCursor(timePlace('key'), { at: now, id: newId('key', 'xa', now) })],
  ['a time that is text', cursorOf({ at: "1' or 1=1", id: place.id })],
  ['a time with a fraction', cursorOf({ at: 1.5, id: place.id })],
  ['a time out of range', cursorOf({ at: 8.64e15, id: place.id })],
  ['a negative time', cursorOf({ at: -1, id: place.id })],
  ['more than a place', cursorOf({ at: time, id: place.id, limit: 1_000 })],
  ['an id with something behind it', cursorOf({ at: time, id: `${place.id}\n` })],
])('what is no cursor of the list is refused: %s', (_, text) => {
  expect(() => readCursor(orders, text)).toThrow(expect.objectContaining({ code: 'invalid_input' }));
});

test('only a page with more behind it names a next one', () => {
  const rows = [place, { ...place, id: newId('ord', 'xa', now) }];
  expect(pageFrom(rows, 2, orders, (row) => row)).toEqual({ rows, next: null });
  expect(pageFrom([], 2, orders, (row) => row)).toEqual({ rows: [], next: null });
  const first = pageFrom(rows, 1, orders, (row) => row);
  expect(first.rows).toEqual([place]);
  expect(readCursor(orders, first.next ?? '')).toEqual(place);
});
