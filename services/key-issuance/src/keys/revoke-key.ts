// Revoke keys: from the commit on, no verification that starts accepts one.
import { notFound } from '@meridian/contracts/common.ts';
import { keyRevoked } from '@meridian/contracts/events/keys.ts';
import { assertNotFenced } from '@meridian/kit/account/fence.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { recordChange, recordRevocations } from '../changes/key-change.store.ts';
import type { Schema } from '../db/schema.ts';
import type { Deps } from '../deps.ts';
import { isFenced } from '../gates/gate.store.ts';
import { findKey, findKeyForUpdate, type KeyRow, markAllRevoked, markRevoked } from './key.store.ts';
import { audit } from './key-audit.store.ts';
import { findOwner } from './key-secret.store.ts';

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
  await deps.publish(tx, keyRevoked, { accountId, data: { keyId, reason: 'owner' } });
  await recordChange(tx, { accountId, keyId, reason: 'revoked', now });
  return revoked;
};

/** Answers how many keys were active until now. */
export const revokeAllKeys = async (
  tx: Tx<Schema>,
  deps: Deps,
  { accountId, project }: { accountId: string; project?: string | undefined },
): Promise<number> => {
  await assertNotFenced(tx, accountId);
  const now = deps.now();
  const keyIds = await markAllRevoked(tx, accountId, project, now);
  for (const keyId of keyIds) {
    await audit(tx, { at: now, account_id: accountId, key_id: keyId, actor: 'owner', action: 'revoke' });
    await deps.publish(tx, keyRevoked, { accountId, data: { keyId, reason: 'owner' } });
  }
  if (keyIds.length > 0) await recordRevocations(tx, { accountId, keyIds, now });
  return keyIds.length;
};

/**
 * Revokes the key of a secret that was found in public. One that works no longer changes nothing: whoever rotated it away has acted already.
 * On a cancelled account everything is dead.
 */
export const revokeLeakedKey = async (tx: Tx<Schema>, deps: Deps, digest: Buffer): Promise<void> => {
  const now = deps.now();
  const owner = await findOwner(tx, digest, now);
  if (owner === undefined) return;
  const { accountId, keyId } = owner;
  if (await isFenced(tx, accountId)) return;
  await findKeyForUpdate(tx, accountId, keyId);
  // Asked again now that nobody can rotate: a rotation that held the key until here has ended the secret, and made a new one that nobody found.
  if ((await findOwner(tx, digest, now)) === undefined) return;
  if ((await markRevoked(tx, accountId, keyId, now)) === undefined) return;
  await audit(tx, { at: now, account_id: accountId, key_id: keyId, actor: 'leak_report', action: 'revoke' });
  await deps.publish(tx, keyRevoked, { accountId, data: { keyId, reason: 'leaked' } });
  await recordChange(tx, { accountId, keyId, reason: 'revoked', now });
};
