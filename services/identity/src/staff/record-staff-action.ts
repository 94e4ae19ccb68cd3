// One line of the audit: who did what to which subject, and why. In the transaction of the action.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { IdentitySchema } from '../db/schema.ts';

export const recordStaffAction = async (
  tx: Tx<IdentitySchema>,
  {
    at,
    staffId,
    action,
    subject,
    reason,
  }: { at: Date; staffId: string; action: string; subject: string; reason: string },
): Promise<void> => {
  await tx.insertInto('staff_audit').values({ at, staff_id: staffId, action, subject, reason }).execute();
};
