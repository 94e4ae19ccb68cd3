// Use case: a service has acknowledged its fence. The last acknowledgement makes the account cancelled, in the same transaction.
import { accountErasureRequested } from '@meridian/contracts/events/lifecycle.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { setStatus } from '../account/account.store.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { lockSaga, markFenced, setCancelled, stepsOf } from './cancellation.store.ts';
import { allFenced, type Participant } from './cancellation.ts';

/** Idempotent. */
export const recordFence = async (
  tx: Tx<IdentitySchema>,
  deps: Pick<IdentityDeps, 'now' | 'publish'>,
  { sagaId, service }: { sagaId: string; service: Participant },
): Promise<void> => {
  const now = deps.now();
  const saga = await lockSaga(tx, sagaId);
  if (saga?.status !== 'cancelling' || saga.accountId === null) return;
  await markFenced(tx, sagaId, service, now);
  if (!allFenced(await stepsOf(tx, sagaId))) return;
  await setCancelled(tx, sagaId, now);
  await setStatus(tx, saga.accountId, 'cancelled');
  await appendSecurityLog(tx, { at: now, kind: 'account_cancelled', accountId: saga.accountId });
  await deps.publish(tx, accountErasureRequested, { accountId: saga.accountId, data: { sagaId } });
};
