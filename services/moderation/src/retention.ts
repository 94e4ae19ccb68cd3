// What is over and goes: evidence too old to count, and who read which case.
import { addMonths } from '@meridian/kit/add-months.ts';
import { type DeleteOptions, deleteInBatches } from '@meridian/kit/db/delete-in-batches.ts';
import type { Kysely } from 'kysely';
import { deleteOldReadings } from './cases/case-reading.store.ts';
import type { Schema } from './db/schema.ts';
import { deleteOldFingerprints, deleteOldStrikes } from './scoring/strikes.store.ts';

const dayMs = 86_400_000;
const strikesKeptMs = 90 * dayMs;
const fingerprintsKeptMs = 2 * dayMs;
/** Some thousand rows a statement, for at most some seconds a table and run: none of them grows faster. */
const share: DeleteOptions = { limit: 5_000, budgetMs: 10_000 };

/** Deletes what is over; answers how many rows of each kind went. */
export const deleteOver = async (
  db: Kysely<Schema>,
  now: Date,
  securityLog: { readonly months: number },
  options: DeleteOptions = share,
) => {
  const ago = (ms: number) => new Date(now.getTime() - ms);
  const readings = addMonths(now, -securityLog.months);
  return {
    strikes: await deleteInBatches((limit) => deleteOldStrikes(db, ago(strikesKeptMs), limit), options),
    fingerprints: await deleteInBatches((limit) => deleteOldFingerprints(db, ago(fingerprintsKeptMs), limit), options),
    readings: await deleteInBatches((limit) => deleteOldReadings(db, readings, limit), options),
  };
};
