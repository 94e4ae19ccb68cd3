// Drives on what was left open: by a crash between asking and deciding, by a registry without an answer, or without a record yet.
import { accountCancelled } from '@meridian/contracts/common.ts';
import { errorCode } from '@meridian/kit/error-code.ts';
import { decideSubmission } from './decide-submission.ts';
import { findSubjectKey } from './subject-key.store.ts';
import { claimDueSubmissions, openPerson, type Submission } from './submission.store.ts';
import { askRegistry, type SubmissionFlow } from './submit-person.ts';

const drive = async (flow: SubmissionFlow, submission: Submission): Promise<void> => {
  const { id: submissionId, account_id: accountId } = submission;
  const key = await findSubjectKey(flow.db.read, flow, accountId);
  const person = key.state === 'active' ? openPerson(key.dataKey, flow.region, submission) : undefined;
  if (!person) return; // Decided or erased since it was claimed.
  const { outcome } = await askRegistry(flow, submissionId, person);
  await flow.db.transaction((tx) => decideSubmission(tx, flow, { submissionId, accountId, outcome, attended: false }));
};

/** Drives up to `limit` due submissions, with the ids they already have; answers how many were due. One failing does not stop the others. */
export const sweepSubmissions = async (flow: SubmissionFlow, limit = 20): Promise<number> => {
  const due = await flow.db.transaction((tx) => claimDueSubmissions(tx, flow.now(), limit));
  for (const submission of due) {
    try {
      await drive(flow, submission);
    } catch (err) {
      if (errorCode(err) === accountCancelled.code) continue; // Its erasure is on the way.
      flow.log.error({ err, submissionId: submission.id }, 'a submission could not be driven on; it comes again');
    }
  }
  return due.length;
};
