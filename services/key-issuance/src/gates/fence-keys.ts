// Stop every key of a cancelled account: from the commit on, no verification that starts accepts one.
import { fenceAccount } from '@meridian/kit/account/fence.ts';
import { findTombstone } from '@meridian/kit/account/tombstone.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { recordChange } from '../changes/key-change.store.ts';
import type { Schema } from '../db/schema.ts';
import type { Deps } from '../deps.ts';
import { audit } from '../keys/key-audit.store.ts';
import { markCancelled } from './gate.store.ts';

/** Fencing twice is fencing once; answers when it happened first. */
export const fenceKeys = async (
  tx: Tx<Schema>,
  deps: Pick<Deps, 'now'>,
  { accountId, sagaId }: { accountId: string; sagaId: string },
): Promise<{ fencedAt: Date }> => {
  const now = deps.now();
  const fence = await fenceAccount(tx, { accountId, sagaId, now });
  if ((await findTombstone(tx, accountId)) === undefined && (await markCancelled(tx, accountId, now))) {
    await audit(tx, { at: now, account_id: accountId, key_id: null, actor: 'identity', action: 'cancel' });
    await recordChange(tx, { accountId, keyId: null, reason: 'cancelled', now });
  }
  return fence;
};
