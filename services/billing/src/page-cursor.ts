// Lists are newest first; a cursor names the last row shown by its time and id.
import { invalidInput } from '@meridian/contracts/common.ts';
import { fail } from '@meridian/kit/http/problems.ts';

export type Place = { readonly at: Date; readonly id: string };

export const writeCursor = ({ at, id }: Place): string => Buffer.from(`${at.getTime()} ${id}`).toString('base64url');

/** Refuses with `invalid_input` what `writeCursor` did not write. */
export const readCursor = (cursor: string | undefined): Place | undefined => {
  if (cursor === undefined) return undefined;
  const match = /^(\d{1,15}) ([a-z]+_[a-z]+_[0-9A-Z]{26})$/.exec(Buffer.from(cursor, 'base64url').toString());
  if (!match?.[1] || !match[2])
    return fail(invalidInput, { errors: [{ pointer: '/query/cursor', detail: 'is not a cursor of this list' }] });
  return { at: new Date(Number(match[1])), id: match[2] };
};

/** Cuts rows read with `limit + 1` to a page. */
export const pageFrom = <T>(rows: readonly T[], limit: number, placeOf: (row: T) => Place) => {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { rows: shown, next: rows.length > limit && last !== undefined ? writeCursor(placeOf(last)) : null };
};
