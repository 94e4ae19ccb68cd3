import { alreadyVerified, verificationAttemptsUsed, verificationPending } from '@meridian/contracts/verification.ts';
import { assertNotFenced } from '@meridian/kit/account/fence.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { newId } from '@meridian/kit/ids.ts';
import type { Schema } from '../db/schema.ts';
import { attemptIndex } from './blind-index.ts';
import type { VerificationDeps } from './deps.ts';
import { nextRegisterDay, registerDay } from './identity-number.ts';
import type { Person } from './person.ts';
import { takeSubjectAttempt } from './subject-attempt.store.ts';
import { provideSubjectKey } from './subject-key.store.ts';
import { closeSubmission, findStanding, insertSubmission, sealPerson } from './submission.store.ts';
import { attendedMs, mostAnswersPerDay } from './submission.ts';
import { findAttempts, lockVerification } from './verification.store.ts';

export type StartSubmission = { accountId: string; person: Person; consentVersion: string };

/**
 * Writes down a submission before the registry is asked: what a crash interrupts is found and driven on by the sweeper. Refuses when the
 * account is verified, another submission is being checked, or the day's attempts are used, by the account or about the person. One under
 * review is replaced: the person may have found a slip. Answers the submission's id.
 */
export const startSubmission = async (
  tx: Tx<Schema>,
  deps: VerificationDeps,
  { accountId, person, consentVersion }: StartSubmission,
): Promise<string> => {
  await assertNotFenced(tx, accountId);
  const now = deps.now();
  const { rank } = await lockVerification(tx, accountId);
  if (rank > 0) fail(alreadyVerified, { detail: 'Nothing needs to be done: the account may pay' });
  const standing = await findStanding(tx, accountId);
  if (standing?.state === 'pending')
    fail(verificationPending, { detail: 'Wait for the running check: read /v1/verification', retryAfter: 5 });
  const day = registerDay(now);
  const attemptsUsed = (detail: string) =>
    fail(verificationAttemptsUsed, {
      detail,
      retryAfter: Math.ceil((nextRegisterDay(now).getTime() - now.getTime()) / 1_000),
    });
  const { attempts, answers } = await findAttempts(tx, accountId, day);
  if (attempts >= deps.rules.attemptsPerDay || answers >= mostAnswersPerDay)
    attemptsUsed('Check the document, then try again tomorrow (UTC+8)');
  const subject = { index: attemptIndex(deps.blindIndexKey, deps.region, day, person.number), day };
  if (!(await takeSubjectAttempt(tx, subject, deps.rules.attemptsPerDay)))
    attemptsUsed('This number was tried as often as is allowed in a day; try again tomorrow (UTC+8)');
  if (standing) await closeSubmission(tx, standing.id, { state: 'superseded', reason: 'superseded', now });

  const id = newId('sub', deps.region, now);
  const dataKey = await provideSubjectKey(tx, deps, accountId);
  await insertSubmission(tx, {
    id,
    account_id: accountId,
    provider: deps.rules.provider,
    consent_version: consentVersion,
    created_at: now,
    next_drive_at: new Date(now.getTime() + attendedMs),
    ...sealPerson(dataKey, deps.region, id, person),
  });
  return id;
};
