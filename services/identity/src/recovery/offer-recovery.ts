// Use case: staff start a recovery. The token goes to the account's own addresses and to nobody else.
import { notFound } from '@meridian/contracts/common.ts';
import { noReachableContact } from '@meridian/contracts/identity-recovery.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { newId } from '@meridian/kit/ids.ts';
import { lockStatus } from '../account/account.store.ts';
import { digest } from '../crypto/mac.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { tellOwner } from '../notices/tell-owner.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { recordStaffAction } from '../staff/record-staff-action.ts';
import { drawToken } from './begin-recovery.ts';
import { insertRecovery } from './recovery.store.ts';
import { staffRecoveryMs } from './recovery.ts';

export const offerRecovery = async (
  tx: Tx<IdentitySchema>,
  deps: IdentityDeps,
  { accountId, staffId, reason }: { accountId: string; staffId: string; reason: string },
): Promise<{ recoveryId: string; addressesTold: number; endsAt: Date }> => {
  const now = deps.now();
  if ((await lockStatus(tx, accountId, 'share')) !== 'active')
    return fail(notFound, { detail: 'There is no such active account' });
  const recoveryId = newId('rcv', deps.region.id, now);
  // 22 characters: it has to fit into a variable of an SMS template.
  const token = drawToken(16);
  const endsAt = new Date(now.getTime() + staffRecoveryMs);
  // Whoever reads the token reads messages to an address of the account: that is what a code would have shown.
  await insertRecovery(tx, {
    id: recoveryId,
    account_id: accountId,
    identifier_hash: null,
    token_hash: digest(token),
    started_by: 'staff',
    proofs: ['code'],
    created_at: now,
    expires_at: endsAt,
  });
  const { told: addressesTold } = await tellOwner(tx, deps, { accountId, kind: 'recovery_offered', extra: token });
  if (addressesTold === 0) return fail(noReachableContact);
  await appendSecurityLog(tx, { at: now, kind: 'recovery_started', accountId, method: 'staff' });
  await recordStaffAction(tx, { at: now, staffId, action: 'recovery_started', subject: accountId, reason });
  return { recoveryId, addressesTold, endsAt };
};
