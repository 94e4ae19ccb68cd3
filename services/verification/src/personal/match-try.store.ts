// SQL of the count of questions under one name.
import type { Tx } from '@meridian/kit/db/database.ts';
import { type Kysely, sql } from 'kysely';
import type { Schema } from '../db/schema.ts';

/** Counts one and answers how many that makes today. */
export const countTry = async (tx: Tx<Schema>, askedAs: string, day: string): Promise<number> => {
  const row = await tx
    .insertInto('match_try')
    .values({ asked_as: askedAs, day, tries: 1 })
    .onConflict((conflict) => conflict.columns(['asked_as', 'day']).doUpdateSet({ tries: sql`match_try.tries + 1` }))
    .returning('tries')
    .executeTakeFirstOrThrow();
  return row.tries;
};

/** Counts of days gone by are of no use; they would tell when somebody tried to recover an account. */
export const forgetOldTries = async (db: Kysely<Schema>, today: string): Promise<void> => {
  await db.deleteFrom('match_try').where('day', '<', today).execute();
};
