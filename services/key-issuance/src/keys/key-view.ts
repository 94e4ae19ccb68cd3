// A key as its owner sees it.
import type { apiKey } from '@meridian/contracts/key-issuance.ts';
import type { z } from 'zod';
import type { KeyRow } from './key.store.ts';

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
