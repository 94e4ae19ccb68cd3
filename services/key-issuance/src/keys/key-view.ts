// A key as its owner sees it, and the cursor of its list.
import { invalidInput } from '@meridian/contracts/common.ts';
import type { apiKey } from '@meridian/contracts/key-issuance.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { z } from 'zod';
import type { KeyRow, PagePosition } from './key.store.ts';

export const viewOf = (row: KeyRow): z.input<typeof apiKey> => ({
  keyId: row.key_id,
  name: row.name ?? '',
  product: row.product,
  display: row.display ?? '',
  status: row.revoked_at === null ? 'active' : 'revoked',
  createdAt: row.created_at.toISOString(),
  lastUsedAt: row.last_used_at?.toISOString() ?? null,
  revokedAt: row.revoked_at?.toISOString() ?? null,
});

export const writeCursor = ({ createdAt, keyId }: PagePosition): string =>
  Buffer.from(`${createdAt.getTime()}.${keyId}`).toString('base64url');

/** Refuses with `invalid_input` what this list did not hand out. */
export const readCursor = (cursor: string): PagePosition => {
  const match = /^([0-9]{1,15})\.(key_[a-z]{2,12}_[0-9A-HJKMNP-TV-Z]{26})$/.exec(
    Buffer.from(cursor, 'base64url').toString('latin1'),
  );
  const [, time, keyId] = match ?? [];
  if (time === undefined || keyId === undefined)
    return fail(invalidInput, {
      detail: 'The cursor is not one of this list; begin again without it',
      errors: [{ pointer: '/query/cursor', detail: 'not a cursor of this list' }],
    });
  return { createdAt: new Date(Number(time)), keyId };
};
