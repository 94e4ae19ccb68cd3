// A key as its owner sees it.
import type { apiKey } from '@meridian/contracts/key-issuance.ts';
import type { z } from 'zod';
import type { KeyRow } from './key.store.ts';

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
