import { verificationApproved } from '@meridian/contracts/events/verification.ts';
import { assertNotFenced } from '@meridian/kit/account/fence.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import type { Schema } from '../db/schema.ts';
import { attemptIndex, blindIndex } from './blind-index.ts';
import type { VerificationDeps } from './deps.ts';
import { registerDay } from './identity-number.ts';
import type { Person } from './person.ts';
import { giveBackSubjectAttempt, takeSubjectAttempt } from './subject-attempt.store.ts';
import { findSubjectKey } from './subject-key.store.ts';
import { closeSubmission, findSubmission, markForReview, openPerson, type Submission } from './submission.store.ts';
import { decideOutcome, type RegistryOutcome, type SubmissionReason, type SubmissionState } from './submission.ts';
import { countAnswer, lockVerification, setPersonal, takeSlot } from './verification.store.ts';

export type Decided = { state: SubmissionState; reason: SubmissionReason | null };

const withoutLimit = 1_000_000;

const personOf = async (tx: Tx<Schema>, deps: VerificationDeps, submission: Submission): Promise<Person> => {
  const key = await findSubjectKey(tx, deps, submission.account_id);
  const person = key.state === 'active' ? openPerson(key.dataKey, deps.region, submission) : undefined;
  if (!person) throw new Error(`submission ${submission.id} is open but its person cannot be read`);
  return person;
};

/** An attempt about the person was taken when the submission began; only a mismatch keeps it, and one found under review is one more. */
const countAboutPerson = async (
  tx: Tx<Schema>,
  deps: VerificationDeps,
  submission: Submission,
  { person, mismatch, now }: { person: Person; mismatch: boolean; now: Date },
): Promise<void> => {
  const began = submission.state === 'pending';
  const day = registerDay(began ? submission.created_at : now);
  const subject = { index: attemptIndex(deps.blindIndexKey, deps.region, day, person.number), day };
  if (began && !mismatch) await giveBackSubjectAttempt(tx, subject);
  // It has happened: counted whatever the limit.
  if (!began && mismatch) await takeSubjectAttempt(tx, subject, withoutLimit);
};

/** Approves the person of a submission if one of the person's slots is free; the event is part of the same transaction. */
const approve = async (
  tx: Tx<Schema>,
  deps: VerificationDeps,
  submission: Submission,
  { person, now }: { person: Person; now: Date },
): Promise<Decided> => {
  const { id, account_id: accountId } = submission;
  const index = blindIndex(deps.blindIndexKey, deps.region, person.number);
  if (!(await takeSlot(tx, index, accountId, deps.rules.accountsPerPerson))) {
    const refused = { state: 'rejected', reason: 'identity_in_use' } as const;
    await closeSubmission(tx, id, { ...refused, now });
    return refused;
  }
  await closeSubmission(tx, id, { state: 'approved', reason: null, now });
  await setPersonal(tx, accountId, id, now);
  await deps.publish(tx, verificationApproved, { accountId, data: { kind: 'personal' }, causationId: id });
  return { state: 'approved', reason: null };
};

/**
 * Applies what the registry said, once: a submission that is final already keeps its first decision. `attended` says that a person waits
 * for it. Answers where the submission stands; undefined when it went with its account.
 */
export const decideSubmission = async (
  tx: Tx<Schema>,
  deps: VerificationDeps,
  {
    submissionId,
    accountId,
    outcome,
    attended,
  }: { submissionId: string; accountId: string; outcome: RegistryOutcome; attended: boolean },
): Promise<Decided | undefined> => {
  await assertNotFenced(tx, accountId);
  const now = deps.now();
  await lockVerification(tx, accountId);
  const submission = await findSubmission(tx, submissionId);
  if (!submission) return undefined;
  const decision = decideOutcome(
    { state: submission.state, drives: submission.drives, createdAt: submission.created_at, attended },
    outcome,
    now,
  );
  if (decision.next === 'keep') return { state: submission.state, reason: submission.reason };
  const answered = outcome !== 'provider_limit' && outcome !== 'provider_unavailable';
  if (answered) await countAnswer(tx, accountId, registerDay(now), outcome === 'mismatch');
  const person = await personOf(tx, deps, submission);
  await countAboutPerson(tx, deps, submission, { person, mismatch: outcome === 'mismatch', now });
  if (decision.next === 'approve') return approve(tx, deps, submission, { person, now });
  if (decision.next === 'review') await markForReview(tx, submission, decision.reason, now);
  else await closeSubmission(tx, submissionId, { state: decision.state, reason: decision.reason, now });
  return { state: decision.state, reason: decision.reason };
};
