// SQL of the account's verification, its slot and its attempts of the day.
import type { Tx } from '@meridian/kit/db/database.ts';
import { type Kysely, type Selectable, sql } from 'kysely';
import type { Schema } from '../db/schema.ts';

export type Verification = Selectable<Schema['verification']>;

/** The account's row, made on first use and locked: decisions about one account happen one after the other. */
export const lockVerification = async (tx: Tx<Schema>, accountId: string): Promise<Verification> => {
  await tx
    .insertInto('verification')
    .values({ account_id: accountId, submission_id: null, verified_at: null })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return tx
    .selectFrom('verification')
    .selectAll()
    .where('account_id', '=', accountId)
    .forUpdate()
    .executeTakeFirstOrThrow();
};

export const findVerification = (
  db: Tx<Schema> | Kysely<Schema>,
  accountId: string,
): Promise<Verification | undefined> =>
  db.selectFrom('verification').selectAll().where('account_id', '=', accountId).executeTakeFirst();

export const setPersonal = async (
  tx: Tx<Schema>,
  accountId: string,
  submissionId: string,
  now: Date,
): Promise<void> => {
  await tx
    .updateTable('verification')
    .set({ rank: 1, submission_id: submissionId, verified_at: now })
    .where('account_id', '=', accountId)
    .execute();
};

/**
 * Takes one of the person's slots 1 to `slots`; false when all are taken. Each insert waits for a transaction that holds the same slot, and
 * a transaction holds one only after its last wait, so neither a race nor a deadlock is possible.
 */
export const takeSlot = async (
  tx: Tx<Schema>,
  subjectIndex: Buffer,
  accountId: string,
  slots: number,
): Promise<boolean> => {
  for (let slot = 1; slot <= slots; slot += 1) {
    const taken = await tx
      .insertInto('subject_slot')
      .values({ subject_index: subjectIndex, slot, account_id: accountId })
      .onConflict((conflict) => conflict.columns(['subject_index', 'slot']).doNothing())
      .returning('slot')
      .executeTakeFirst();
    if (taken) return true;
  }
  return false;
};

export type AttemptDay = { attempts: number; answers: number };

export const findAttempts = async (
  db: Tx<Schema> | Kysely<Schema>,
  accountId: string,
  day: string,
): Promise<AttemptDay> =>
  (await db
    .selectFrom('attempt_day')
    .select(['attempts', 'answers'])
    .where('account_id', '=', accountId)
    .where('day', '=', day)
    .executeTakeFirst()) ?? { attempts: 0, answers: 0 };

/** Counts an answer of the registry, and an attempt if the answer uses one up. Counted in the database, so concurrency loses none. */
export const countAnswer = async (
  tx: Tx<Schema>,
  accountId: string,
  day: string,
  usesAttempt: boolean,
): Promise<void> => {
  await tx
    .insertInto('attempt_day')
    .values({ account_id: accountId, day, attempts: usesAttempt ? 1 : 0, answers: 1 })
    .onConflict((conflict) =>
      conflict.columns(['account_id', 'day']).doUpdateSet({
        attempts: sql`attempt_day.attempts + ${usesAttempt ? 1 : 0}`,
        answers: sql`attempt_day.answers + 1`,
      }),
    )
    .execute();
};
