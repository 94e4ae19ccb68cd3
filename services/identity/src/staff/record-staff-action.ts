// The audit: who did what to which subject, and why. In the transaction of the action.
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

/** Of tickets with a person's own words, before they are opened: the ticket itself is the reason. */
export const recordReading = async (
  tx: Tx<IdentitySchema>,
  { at, staffId, ticketIds }: { at: Date; staffId: string; ticketIds: readonly string[] },
): Promise<void> => {
  if (ticketIds.length === 0) return;
  await tx
    .insertInto('staff_audit')
    .values(ticketIds.map((subject) => ({ at, staff_id: staffId, action: 'recovery_read', subject })))
    .execute();
};
