// Close the gate when the balance is used up, and open it when there is money again.
import type { Tx } from '@meridian/kit/db/database.ts';
import { recordChange } from '../changes/key-change.store.ts';
import type { Schema } from '../db/schema.ts';
import type { Deps } from '../deps.ts';
import { audit } from '../keys/key-audit.store.ts';
import { clearExhausted, markExhausted } from './gate.store.ts';

export const noteExhausted = async (
  tx: Tx<Schema>,
  deps: Pick<Deps, 'now'>,
  { accountId }: { accountId: string },
): Promise<void> => {
  const now = deps.now();
  if (!(await markExhausted(tx, accountId, now))) return;
  await audit(tx, { at: now, account_id: accountId, key_id: null, actor: 'billing', action: 'exhaust' });
  await recordChange(tx, { accountId, keyId: null, reason: 'exhausted', now });
};

export const noteRestored = async (
  tx: Tx<Schema>,
  deps: Pick<Deps, 'now'>,
  { accountId }: { accountId: string },
): Promise<void> => {
  if (!(await clearExhausted(tx, accountId))) return;
  await audit(tx, { at: deps.now(), account_id: accountId, key_id: null, actor: 'billing', action: 'restore' });
};
