// The audit of staff who read cases. Ids only: once an account is erased, its cases lead to nobody.
import { affected } from '@meridian/kit/db/affected.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { type Kysely, sql } from 'kysely';
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

/** Deletes at most `limit` readings from before `before`; answers how many. */
export const deleteOldReadings = (db: Kysely<Schema>, before: Date, limit: number): Promise<number> =>
  affected(
    sql`delete from case_reading where id in (
    select id from case_reading where at < ${before} order by at limit ${limit})`.execute(db),
  );
