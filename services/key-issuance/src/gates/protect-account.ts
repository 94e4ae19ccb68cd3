// Close the gate while a protection is in force, and open it when that protection is lifted.
import type { Tx } from '@meridian/kit/db/database.ts';
import { recordChange } from '../changes/key-change.store.ts';
import type { Schema } from '../db/schema.ts';
import type { Deps } from '../deps.ts';
import { audit } from '../keys/key-audit.store.ts';
import { insertProtection, markLifted, type Protection } from './gate.store.ts';

/** Its end time needs no one to act on it: it counts when the gate is read. */
export const protectAccount = async (
  tx: Tx<Schema>,
  deps: Pick<Deps, 'now'>,
  { accountId, ...protection }: Protection & { accountId: string },
): Promise<void> => {
  const now = deps.now();
  if (!(await insertProtection(tx, accountId, protection))) return;
  await audit(tx, { at: now, account_id: accountId, key_id: null, actor: 'moderation', action: 'protect' });
  if (protection.until > now) await recordChange(tx, { accountId, keyId: null, reason: 'protected', now });
};

/** Lifts the named protection; another one of the account stays in force. */
export const liftProtection = async (
  tx: Tx<Schema>,
  deps: Pick<Deps, 'now'>,
  { accountId, protectionId }: { accountId: string; protectionId: string },
): Promise<void> => {
  const now = deps.now();
  if (!(await markLifted(tx, accountId, protectionId, now))) return;
  await audit(tx, { at: now, account_id: accountId, key_id: null, actor: 'moderation', action: 'lift' });
};
