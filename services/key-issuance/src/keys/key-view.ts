// A key as its owner sees it, and the cursors of lists.
import { invalidInput } from '@meridian/contracts/common.ts';
import type { apiKey } from '@meridian/contracts/key-issuance.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { z } from 'zod';
import type { KeyRow, PagePosition } from './key.store.ts';

const text = (date: Date | null) => date?.toISOString() ?? null;
const count = (value: bigint | null) => (value === null ? null : Number(value));

export const isActive = (row: Pick<KeyRow, 'revoked_at' | 'expires_at'>, now: Date): boolean =>
  row.revoked_at === null && (row.expires_at === null || row.expires_at > now);

export const viewOf = (row: KeyRow, now: Date): z.input<typeof apiKey> => ({
  keyId: row.key_id,
  name: row.name ?? '',
  project: row.project ?? '',
  product: row.product,
  kind: row.kind,
  display: row.display ?? '',
  status: row.revoked_at !== null ? 'revoked' : isActive(row, now) ? 'active' : 'expired',
  models: row.models,
  endpoints: row.endpoints,
  networks: row.networks,
  limits: {
    requestsPerMinute: row.requests_per_minute,
    tokensPerMinute: count(row.tokens_per_minute),
    tokensPerDay: count(row.tokens_per_day),
  },
  createdAt: row.created_at.toISOString(),
  expiresAt: text(row.expires_at),
  rotatedAt: text(row.rotated_at),
  previousSecretsEndAt:
    row.previous_end_at !== null && row.previous_end_at > now ? row.previous_end_at.toISOString() : null,
  lastUsedAt: text(row.last_used_at),
  revokedAt: text(row.revoked_at),
});

const refuseCursor = () =>
  fail(invalidInput, {
    detail: 'The cursor is not one of this list; begin again without it',
    errors: [{ pointer: '/query/cursor', detail: 'not a cursor of this list' }],
  });

export const writeCursor = ({ createdAt, keyId }: PagePosition): string =>
  Buffer.from(`${createdAt.getTime()}.${keyId}`).toString('base64url');

/** Refuses with `invalid_input` what this list did not hand out. */
export const readCursor = (cursor: string): PagePosition => {
  const match = /^([0-9]{1,15})\.(key_[a-z]{2,12}_[0-9A-HJKMNP-TV-Z]{26})$/.exec(
    Buffer.from(cursor, 'base64url').toString('latin1'),
  );
  const [, time, keyId] = match ?? [];
  if (time === undefined || keyId === undefined) return refuseCursor();
  return { createdAt: new Date(Number(time)), keyId };
};

export const writeAuditCursor = (id: bigint): string => Buffer.from(`audit.${id}`).toString('base64url');

/** Refuses with `invalid_input` what this list did not hand out. */
export const readAuditCursor = (cursor: string): bigint => {
  const id = /^audit\.([0-9]{1,18})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'))?.[1];
  return id === undefined ? refuseCursor() : BigInt(id);
};
