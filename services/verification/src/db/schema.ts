// The tables of verification as kysely types; the promises themselves are in the migrations.
import type { KitSchema } from '@meridian/kit/db/schema.ts';
import type { ColumnType, Generated } from 'kysely';
import type { SubmissionReason, SubmissionState } from '../personal/submission.ts';

type Timestamp = ColumnType<Date, Date | string, Date | string>;

type OwnSchema = {
  /** One row per account that ever submitted; the row is locked by every decision about the account. */
  verification: {
    account_id: string;
    /** 0 none, 1 personal, 2 enterprise. May only grow (trigger). */
    rank: Generated<number>;
    submission_id: string | null;
    verified_at: Timestamp | null;
  };
  submission: {
    id: string;
    account_id: string;
    state: SubmissionState;
    reason: SubmissionReason | null;
    provider: string;
    consent_version: string;
    created_at: Timestamp;
    decided_at: Timestamp | null;
    drives: Generated<number>;
    next_drive_at: Timestamp | null;
    name_sealed: Buffer | null;
    number_sealed: Buffer | null;
  };
  subject_key: {
    account_id: string;
    state: 'active' | 'erased';
    wrapped: Buffer | null;
    key_version: number | null;
    created_at: Timestamp;
    erased_at: Timestamp | null;
  };
  subject_slot: { subject_index: Buffer; slot: number; account_id: string };
  attempt_day: { account_id: string; day: string; attempts: number; answers: number };
  subject_attempt: { subject_index: Buffer; day: string; attempts: number };
  match_try: { asked_as: string; day: string; tries: number };
  decision_record: { id: string; outcome: string; decided_on: string; provider: string; consent_version: string };
};

export type Schema = KitSchema & OwnSchema;
