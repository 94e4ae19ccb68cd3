// Pages of a list: an opaque cursor names the last row shown, so that what is added meanwhile moves nothing.
import { idOf, invalidInput } from '@meridian/contracts/common.ts';
import { z } from 'zod';
import { fail } from './problems.ts';

/** A time in a cursor: milliseconds of the Unix epoch, up to the year 9999. */
export const instant = z.codec(z.int().min(0).max(253_402_300_799_999), z.date(), {
  decode: (ms) => new Date(ms),
  encode: (date) => date.getTime(),
});

/** The place in a list ordered by (time, id), for ids of one prefix. */
export const timePlace = (prefix: string) => z.strictObject({ at: instant, id: idOf(prefix) });
export type TimePlace = z.output<ReturnType<typeof timePlace>>;

/** `place` says what a cursor of this list carries: what the list is ordered by, small enough for 200 characters. */
export const writeCursor = <S extends z.ZodType>(place: S, at: z.output<S>): string =>
  Buffer.from(JSON.stringify(z.encode(place, at))).toString('base64url');

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    // No JSON is no place either; the schema refuses it.
    return undefined;
  }
};

/** The place to go on from; undefined at the beginning. Refuses with `invalid_input` what is no cursor of this list. */
export const readCursor = <S extends z.ZodType>(place: S, cursor: string | undefined): z.output<S> | undefined => {
  if (cursor === undefined) return undefined;
  const read = place.safeParse(parse(Buffer.from(cursor, 'base64url').toString()));
  if (read.success) return read.data;
  return fail(invalidInput, {
    detail: 'The cursor is not one of this list; begin again without it',
    errors: [{ pointer: '/query/cursor', detail: 'must be the `next` of an earlier page' }],
  });
};

/** Cuts rows, of which one more than `limit` was asked for, to a page; `next` is null on the last one. */
export const pageFrom = <T, S extends z.ZodType>(
  rows: readonly T[],
  limit: number,
  place: S,
  placeOf: (row: T) => z.output<S>,
): { rows: T[]; next: string | null } => {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { rows: shown, next: rows.length > limit && last !== undefined ? writeCursor(place, placeOf(last)) : null };
};
