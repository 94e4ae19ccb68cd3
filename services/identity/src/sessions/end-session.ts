// Use case: sign out.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { Now } from '@meridian/kit/ids.ts';
import type { IdentitySchema } from '../db/schema.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { endSessionRow } from './session.store.ts';

export const endSession = async (
  tx: Tx<IdentitySchema>,
  deps: { now: Now },
  { accountId, sessionId, network }: { accountId: string; sessionId: string; network: string },
): Promise<void> => {
  const now = deps.now();
  if (await endSessionRow(tx, sessionId, 'signed_out', now))
    await appendSecurityLog(tx, { at: now, kind: 'signed_out', accountId, sessionId, network });
};
