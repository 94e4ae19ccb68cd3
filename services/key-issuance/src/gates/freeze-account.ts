// Close the gate while billing has frozen the account, and open it when that freeze is lifted.
import type { Tx } from '@meridian/kit/db/database.ts';
import { recordChange } from '../changes/key-change.store.ts';
import type { Schema } from '../db/schema.ts';
import type { Deps } from '../deps.ts';
import { audit } from '../keys/key-audit.store.ts';
import { insertFreeze, markUnfrozen } from './gate.store.ts';

type Freeze = { readonly accountId: string; readonly freezeId: string };

export const freezeAccount = async (
  tx: Tx<Schema>,
  deps: Pick<Deps, 'now'>,
  { accountId, freezeId }: Freeze,
): Promise<void> => {
  const now = deps.now();
  if (!(await insertFreeze(tx, accountId, freezeId))) return;
  await audit(tx, { at: now, account_id: accountId, key_id: null, actor: 'billing', action: 'freeze' });
  await recordChange(tx, { accountId, keyId: null, reason: 'frozen', now });
};

/** Lifts the named freeze; another one of the account stays in force. */
export const unfreezeAccount = async (
  tx: Tx<Schema>,
  deps: Pick<Deps, 'now'>,
  { accountId, freezeId }: Freeze,
): Promise<void> => {
  const now = deps.now();
  if (!(await markUnfrozen(tx, accountId, freezeId, now))) return;
  await audit(tx, { at: now, account_id: accountId, key_id: null, actor: 'billing', action: 'unfreeze' });
};
