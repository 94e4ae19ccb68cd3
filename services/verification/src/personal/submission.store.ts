// SQL of submissions. Personal parts go in and out sealed; the place of each is its row and field.
import { type DataKey, openText, type Place, sealText } from '@meridian/kit/crypto/seal.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { type Kysely, type Selectable, sql } from 'kysely';
import type { Schema } from '../db/schema.ts';
import type { Person } from './person.ts';
import { nextDriveAt, openStates, type SubmissionReason, type SubmissionState } from './submission.ts';

export type Submission = Selectable<Schema['submission']>;

const placeOf = (region: string, id: string, field: string): Place => ({ region, table: 'submission', row: id, field });

export const sealPerson = (dataKey: DataKey, region: string, id: string, person: Person) => ({
  name_sealed: sealText(dataKey, placeOf(region, id, 'name'), person.name),
  number_sealed: sealText(dataKey, placeOf(region, id, 'number'), person.number),
});

/** Opens the person of a submission; undefined where the personal parts are gone. */
export const openPerson = (dataKey: DataKey, region: string, submission: Submission): Person | undefined => {
  const { id, name_sealed, number_sealed } = submission;
  if (!name_sealed || !number_sealed) return undefined;
  return {
    name: openText(dataKey, placeOf(region, id, 'name'), name_sealed),
    number: openText(dataKey, placeOf(region, id, 'number'), number_sealed),
  };
};

export const insertSubmission = async (
  tx: Tx<Schema>,
  row: Pick<
    Submission,
    | 'id'
    | 'account_id'
    | 'provider'
    | 'consent_version'
    | 'created_at'
    | 'next_drive_at'
    | 'name_sealed'
    | 'number_sealed'
  >,
): Promise<void> => {
  await tx
    .insertInto('submission')
    .values({ ...row, state: 'pending', reason: null, decided_at: null })
    .execute();
};

/** The submission that stands for the account now: the open one, else the approved one. */
export const findStanding = (db: Tx<Schema> | Kysely<Schema>, accountId: string): Promise<Submission | undefined> =>
  db
    .selectFrom('submission')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('state', 'in', [...openStates, 'approved'])
    .orderBy('created_at', 'desc')
    .limit(1)
    .executeTakeFirst();

export const findSubmission = (db: Tx<Schema> | Kysely<Schema>, id: string): Promise<Submission | undefined> =>
  db.selectFrom('submission').selectAll().where('id', '=', id).executeTakeFirst();

/** Ends a submission. The person of one that was not approved goes at once: nothing is kept longer than it is needed. */
export const closeSubmission = async (
  tx: Tx<Schema>,
  id: string,
  end: { state: SubmissionState; reason: SubmissionReason | null; now: Date },
): Promise<void> => {
  await tx
    .updateTable('submission')
    .set({
      state: end.state,
      reason: end.reason,
      decided_at: end.now,
      next_drive_at: null,
      ...(end.state === 'approved' ? {} : { name_sealed: null, number_sealed: null }),
    })
    .where('id', '=', id)
    .execute();
};

export const markForReview = async (
  tx: Tx<Schema>,
  submission: Submission,
  reason: SubmissionReason,
  now: Date,
): Promise<void> => {
  await tx
    .updateTable('submission')
    .set({ state: 'manual_review', reason, next_drive_at: nextDriveAt('manual_review', submission.drives, now) })
    .where('id', '=', submission.id)
    .execute();
};

/**
 * Takes up to `limit` open submissions that are due, and puts their next turn off, so that no two replicas drive one at a time and a crash
 * loses nothing. Fenced accounts are left to their erasure.
 */
export const claimDueSubmissions = async (tx: Tx<Schema>, now: Date, limit: number): Promise<Submission[]> => {
  const due = await tx
    .selectFrom('submission')
    .selectAll()
    .where('state', 'in', [...openStates])
    .where('next_drive_at', '<=', now)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('account_fence')
            .select(sql.lit(1).as('one'))
            .whereRef('account_fence.account_id', '=', 'submission.account_id'),
        ),
      ),
    )
    .orderBy('next_drive_at')
    .limit(limit)
    .forUpdate()
    .skipLocked()
    .execute();
  for (const { id, state, drives } of due)
    await tx
      .updateTable('submission')
      .set({ drives: drives + 1, next_drive_at: nextDriveAt(state, drives + 1, now) })
      .where('id', '=', id)
      .execute();
  return due.map((submission) => ({ ...submission, drives: submission.drives + 1 }));
};
