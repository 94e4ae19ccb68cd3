// Use case: end one session, and tell every service, so that its access token dies before it expires.
import { sessionRevoked } from '@meridian/contracts/events/lifecycle.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import type { IdentitySchema, RevokedReason } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { endSessionRow } from './session.store.ts';

export type EndDeps = Pick<IdentityDeps, 'now' | 'publish'>;

const kinds = {
  signed_out: 'signed_out',
  reuse: 'refresh_reused',
  too_many: 'session_replaced',
  credentials_changed: 'session_ended',
  recovered: 'session_ended',
  staff: 'session_ended_by_staff',
} as const satisfies Record<RevokedReason, string>;

/** False when it had ended before, or is of another account. */
export const endSession = async (
  tx: Tx<IdentitySchema>,
  { now, publish }: EndDeps,
  command: { accountId: string; sessionId: string; reason: RevokedReason; network?: string },
): Promise<boolean> => {
  const { accountId, sessionId, reason, network } = command;
  const at = now();
  if (!(await endSessionRow(tx, { sessionId, accountId, reason, now: at }))) return false;
  await appendSecurityLog(tx, {
    at,
    kind: kinds[reason],
    accountId,
    sessionId,
    ...(network !== undefined && { network }),
  });
  await publish(tx, sessionRevoked, { accountId, data: { sessionId, endedAt: at.toISOString(), reason } });
  return true;
};
