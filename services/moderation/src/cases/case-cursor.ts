import { invalidInput } from '@meridian/contracts/common.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { CasePosition } from './case.store.ts';

/** Where a list of cases goes on, as an opaque text. */
export const writeCursor = ({ urgency, dueAt, id }: CasePosition): string =>
  Buffer.from(`${urgency}|${dueAt.getTime()}|${id}`).toString('base64url');

export const readCursor = (cursor: string): CasePosition => {
  const [, urgency, time, id] =
    /^([0-2])\|(\d{1,15})\|(cas_[a-z]{2,12}_[0-9A-HJKMNP-TV-Z]{26})$/.exec(
      Buffer.from(cursor, 'base64url').toString(),
    ) ?? [];
  if (id === undefined)
    return fail(invalidInput, {
      errors: [{ pointer: '/query/cursor', detail: 'must be the `next` of an earlier page' }],
    });
  return { urgency: Number(urgency), dueAt: new Date(Number(time)), id };
};
