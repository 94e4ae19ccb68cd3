// Use cases: "this was not me". By the code in the notice, or signed in.
import type { Tx } from '@meridian/kit/db/database.ts';
import { digest } from '../crypto/mac.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { stopRecoveriesOf } from './recovery.store.ts';
import { stopTicketByCode, stopTicketsOf } from './ticket.store.ts';

type Deps = Pick<IdentityDeps, 'now'>;

/** False when the code stops nothing (any more). */
export const stopByCode = async (
  tx: Tx<IdentitySchema>,
  { now }: Deps,
  { stopCode, network }: { stopCode: string; network: string },
): Promise<boolean> => {
  const accountId = await stopTicketByCode(tx, digest(stopCode), now());
  if (accountId === undefined) return false;
  await appendSecurityLog(tx, { at: now(), kind: 'recovery_stopped', accountId, network, method: 'notice' });
  return true;
};

/** Answers how many were stopped. */
export const stopAllOf = async (
  tx: Tx<IdentitySchema>,
  { now }: Deps,
  { accountId, network }: { accountId: string; network: string },
): Promise<number> => {
  const stopped = (await stopRecoveriesOf(tx, accountId, now())) + (await stopTicketsOf(tx, accountId, now()));
  if (stopped > 0)
    await appendSecurityLog(tx, { at: now(), kind: 'recovery_stopped', accountId, network, method: 'signed_in' });
  return stopped;
};
