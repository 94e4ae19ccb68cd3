// Revoke a key: from the commit on, no verification that starts accepts it.
import { notFound } from '@meridian/contracts/common.ts';
import { keyRevoked } from '@meridian/contracts/events/keys.ts';
import { assertNotFenced } from '@meridian/kit/account/fence.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { recordChange } from '../changes/key-change.store.ts';
import type { Schema } from '../db/schema.ts';
import type { Deps } from '../deps.ts';
import { findKey, type KeyRow, markRevoked } from './key.store.ts';
import { audit } from './key-audit.store.ts';

/** Revoking twice is revoking once. Refuses with `not_found` what is not a key of the account. */
export const revokeKey = async (
  tx: Tx<Schema>,
  deps: Deps,
  command: { accountId: string; keyId: string },
): Promise<KeyRow> => {
  const { accountId, keyId } = command;
  await assertNotFenced(tx, accountId);
  const now = deps.now();
  const revoked = await markRevoked(tx, accountId, keyId, now);
  if (revoked === undefined) {
    const found = await findKey(tx, accountId, keyId);
    return found ?? fail(notFound, { detail: 'The account has no such key; list its keys to see their ids' });
  }
  await audit(tx, { at: now, account_id: accountId, key_id: keyId, actor: 'owner', action: 'revoke' });
  await deps.publish(tx, keyRevoked, { accountId, data: { keyId } });
  await recordChange(tx, { accountId, keyId, reason: 'revoked', now });
  return revoked;
};
