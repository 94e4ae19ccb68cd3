// Lists are newest first; a cursor names the last row shown by its time and id.
import { invalidInput } from '@meridian/contracts/common.ts';
import { fail } from '@meridian/kit/http/problems.ts';

export type Place = { readonly at: Date; readonly id: string };

const writeCursor = ({ at, id }: Place): string => Buffer.from(`${at.getTime()} ${id}`).toString('base64url');

/** Refuses with `invalid_input` what `pageFrom` did not write. */
export const readCursor = (cursor: string | undefined, form: RegExp): Place | undefined => {
  if (cursor === undefined) return undefined;
  const [time = '', id = '', ...rest] = Buffer.from(cursor, 'base64url').toString().split(' ');
  if (!/^\d{1,15}$/.test(time) || !form.test(id) || rest.length > 0)
    return fail(invalidInput, { errors: [{ pointer: '/query/cursor', detail: 'is not a cursor of this list' }] });
  return { at: new Date(Number(time)), id };
};

/** Cuts rows read with `limit + 1` to a page. */
export const pageFrom = <T>(rows: readonly T[], limit: number, placeOf: (row: T) => Place) => {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { rows: shown, next: rows.length > limit && last !== undefined ? writeCursor(placeOf(last)) : null };
};
