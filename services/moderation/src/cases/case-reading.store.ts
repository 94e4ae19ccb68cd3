// The audit of staff who read cases. Ids only: once an account is erased, its cases lead to nobody.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { Kysely } from 'kysely';
import type { Schema } from '../db/schema.ts';

/** Before anything is shown: what cannot be recorded is not read. */
export const recordReading = async (
  tx: Tx<Schema>,
  reading: { at: Date; staffId: string; caseIds: readonly string[] },
): Promise<void> => {
  if (reading.caseIds.length === 0) return;
  await tx
    .insertInto('case_reading')
    .values({ at: reading.at, staff_id: reading.staffId, case_ids: [...reading.caseIds] })
    .execute();
};

export const deleteOldReadings = async (db: Kysely<Schema>, before: Date): Promise<void> => {
  await db.deleteFrom('case_reading').where('at', '<', before).execute();
};
