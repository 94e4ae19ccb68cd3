// SQL of the attempts per person: several accounts together may not try a person's number more often than one may.
import type { Tx } from '@meridian/kit/db/database.ts';
import { type Kysely, sql } from 'kysely';
import type { Schema } from '../db/schema.ts';

export type SubjectDay = { readonly index: Buffer; readonly day: string };

/**
 * Takes one of the day's attempts before the registry is asked, so that any number of accounts at once get no more than `limit` between them;
 * false when all are taken. Of one person the row stays locked until the transaction ends.
 */
export const takeSubjectAttempt = async (
  tx: Tx<Schema>,
  { index, day }: SubjectDay,
  limit: number,
): Promise<boolean> => {
  const taken = await tx
    .insertInto('subject_attempt')
    .values({ subject_index: index, day, attempts: 1 })
    .onConflict((conflict) =>
      conflict
        .columns(['day', 'subject_index'])
        .doUpdateSet({ attempts: sql`subject_attempt.attempts + 1` })
        .where('subject_attempt.attempts', '<', limit),
    )
    .returning('attempts')
    .executeTakeFirst();
  return taken !== undefined;
};

/** Gives one back: the registry told no mismatch. */
export const giveBackSubjectAttempt = async (tx: Tx<Schema>, { index, day }: SubjectDay): Promise<void> => {
  await tx
    .updateTable('subject_attempt')
    .set({ attempts: sql`attempts - 1` })
    .where('subject_index', '=', index)
    .where('day', '=', day)
    .where('attempts', '>', 0)
    .execute();
};

/** Deletes what was counted before `day`. */
export const deleteOldSubjectAttempts = async (db: Kysely<Schema>, day: string): Promise<void> => {
  await db.deleteFrom('subject_attempt').where('day', '<', day).execute();
};
