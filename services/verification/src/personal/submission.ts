// The life of one submission, as pure decisions. Nothing here knows a database or a provider.

/** What a registry can say of a name and a number. */
export const registryOutcomes = [
  'match',
  'mismatch',
  'not_found',
  'invalid_input',
  'provider_limit',
  'provider_unavailable',
  'pending',
] as const;
export type RegistryOutcome = (typeof registryOutcomes)[number];

/**
 * pending: the registry is being asked. manual_review: the registry has no record, which proves nothing; asked again daily until it lapses.
 * freed: nobody could answer, nothing was used up. superseded: the person sent a corrected submission. The last four are final.
 */
export type SubmissionState = 'pending' | 'manual_review' | 'approved' | 'rejected' | 'freed' | 'superseded';

export type SubmissionReason =
  | Exclude<RegistryOutcome, 'match' | 'pending'>
  | 'identity_in_use'
  | 'lapsed'
  | 'superseded';

export const openStates = ['pending', 'manual_review'] as const satisfies readonly SubmissionState[];
export const isOpen = (state: SubmissionState) => state === 'pending' || state === 'manual_review';

/** A pending submission that could not be answered this often is freed, so that the person can try again. */
export const mostDrives = 8;
/** A submission without a record is asked again daily; new identities reach registries within days to weeks. */
export const reviewDays = 30;
/** Bound on registry answers per account and day, whatever they say: each of them may cost money. Attempts are counted apart. */
export const mostAnswersPerDay = 20;

export type SubmissionDecision =
  | { readonly next: 'approve' }
  | { readonly next: 'keep' }
  | {
      readonly next: 'close' | 'review';
      readonly state: SubmissionState;
      readonly reason: SubmissionReason;
      /** Only a mismatch told by the registry uses up one of the day's attempts. */
      readonly usesAttempt: boolean;
    };

/** A submission as far as decisions need it. `attended`: a person is waiting for the answer right now. */
export type OpenSubmission = { state: SubmissionState; drives: number; createdAt: Date; attended: boolean };

const close = (state: SubmissionState, reason: SubmissionReason, usesAttempt = false): SubmissionDecision => ({
  next: 'close',
  state,
  reason,
  usesAttempt,
});

/** What an outcome makes of a submission. A final submission is kept as it is: a late second answer changes nothing. */
export const decideOutcome = (submission: OpenSubmission, outcome: RegistryOutcome, now: Date): SubmissionDecision => {
  if (!isOpen(submission.state)) return { next: 'keep' };
  switch (outcome) {
    case 'match':
      return { next: 'approve' };
    case 'mismatch':
      return close('rejected', 'mismatch', true);
    case 'invalid_input':
      return close('rejected', 'invalid_input');
    case 'not_found':
      return now.getTime() - submission.createdAt.getTime() >= reviewDays * 86_400_000
        ? close('freed', 'lapsed')
        : { next: 'review', state: 'manual_review', reason: 'not_found', usesAttempt: false };
    case 'provider_limit':
    case 'provider_unavailable':
      // Under review nobody waits and nothing is lost by asking tomorrow.
      if (submission.state === 'manual_review') return { next: 'keep' };
      return submission.attended || submission.drives >= mostDrives ? close('freed', outcome) : { next: 'keep' };
    case 'pending':
      return { next: 'keep' };
  }
};

/** When an open submission is driven again: a minute doubling to an hour while pending, daily under review. */
export const nextDriveAt = (state: SubmissionState, drives: number, now: Date): Date => {
  const seconds = state === 'manual_review' ? 86_400 : Math.min(3_600, 60 * 2 ** Math.min(drives, 6));
  return new Date(now.getTime() + seconds * 1_000);
};

/** The running request has this long before the sweeper takes over; longer than the registry's deadline. */
export const attendedMs = 30_000;
