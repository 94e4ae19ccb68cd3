// The whole way of a submission: checked locally, written down, the registry asked outside of any transaction, decided.
import { consentRequired } from '@meridian/contracts/common.ts';
import {
  identityInUse,
  identityMismatch,
  identityNumberInvalid,
  registryUnavailable,
  underAge,
} from '@meridian/contracts/verification.ts';
import type { Database } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { Logger } from '@meridian/kit/telemetry/log.ts';
import type { Schema } from '../db/schema.ts';
import type { Registry, RegistryAnswer } from '../registry/registry.ts';
import { type Decided, decideSubmission } from './decide-submission.ts';
import type { VerificationDeps } from './deps.ts';
import type { IdentityNumberRefusal } from './identity-number.ts';
import { type Person, type PersonRefusal, readPerson } from './person.ts';
import { startSubmission } from './start-submission.ts';
import type { RegistryOutcome } from './submission.ts';

export type SubmissionFlow = VerificationDeps & {
  readonly db: Database<Schema>;
  readonly registry: Registry;
  readonly log: Logger;
  /** Counts what the registry answered. */
  readonly answered: (outcome: RegistryOutcome) => void;
};

const whys: Readonly<Record<IdentityNumberRefusal, string>> = {
  first_generation: 'Numbers of 15 digits are no longer valid; give the 18 characters of the current card',
  foreign_card_2017:
    'The registry does not know numbers of the 2017 form; give the 18 digits of a permanent resident card issued since December 2023',
  form: 'An identity number has 17 digits and a last character that is a digit or X',
  checksum: 'The last character does not fit the others: compare each digit with the card',
  area: 'The number does not begin with the code of a province',
  birth_date: 'Characters 7 to 14 are not a possible date of birth',
  sequence: 'Characters 15 to 17 cannot be 000',
};

const refusePerson = (refusal: PersonRefusal, minimumAge: number): never =>
  refusal.problem === 'number'
    ? fail(identityNumberInvalid, { detail: whys[refusal.why] })
    : fail(underAge, { detail: `One must be at least ${minimumAge} years old to pay in this region` });

/** Asks, counts and logs the code, never the question. */
export const askRegistry = async (
  flow: SubmissionFlow,
  submissionId: string,
  person: Person,
): Promise<RegistryAnswer> => {
  const answer = await flow.registry.ask({ submissionId, ...person });
  flow.answered(answer.outcome);
  const level = answer.outcome === 'provider_unavailable' || answer.outcome === 'provider_limit' ? 'warn' : 'info';
  flow.log[level](
    { submissionId, outcome: answer.outcome, providerCode: answer.providerCode },
    'the registry was asked',
  );
  return answer;
};

const refuseDecided = ({ reason }: Decided): never => {
  switch (reason) {
    case 'mismatch':
      return fail(identityMismatch, { detail: 'Compare name and number with the document; an attempt was used' });
    case 'invalid_input':
      return fail(identityNumberInvalid, {
        detail: 'The registry cannot read this name or number; no attempt was used',
      });
    case 'identity_in_use':
      return fail(identityInUse, { detail: 'Cancel one of the other accounts of this person, then try again' });
    default:
      return fail(registryUnavailable, {
        detail: 'Nothing was used up; send it again',
        retryAfter: reason === 'provider_limit' ? 300 : 30,
      });
  }
};

/** Answers 200 for an approved person, 202 for one that is still open; every other end is a problem. */
export const submitPerson = async (
  flow: SubmissionFlow,
  submitted: { accountId: string; name: string; number: string; consentVersion: string },
): Promise<200 | 202> => {
  const { accountId, consentVersion } = submitted;
  // Before anything is read: who did not agree to this text did not ask for a check.
  if (consentVersion !== flow.rules.consentVersion)
    fail(consentRequired, {
      detail: `Send consentVersion "${flow.rules.consentVersion}" once the person has agreed to that text`,
    });
  const person = readPerson(submitted, flow.rules, flow.now());
  if ('problem' in person) return refusePerson(person, flow.rules.minimumAge);
  const submissionId = await flow.db.transaction((tx) =>
    startSubmission(tx, flow, { accountId, person, consentVersion }),
  );
  const { outcome } = await askRegistry(flow, submissionId, person);
  const decided = await flow.db.transaction((tx) =>
    decideSubmission(tx, flow, { submissionId, accountId, outcome, attended: true }),
  );
  if (decided?.state === 'approved') return 200;
  if (decided?.state === 'pending' || decided?.state === 'manual_review') return 202;
  return refuseDecided(decided ?? { state: 'freed', reason: null });
};
