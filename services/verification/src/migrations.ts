import { verification0001 } from './db/migrations/0001-verification.ts';
import { matchTries } from './db/migrations/0002-match-tries.ts';
import { subjectAttempts } from './db/migrations/0003-subject-attempts.ts';

/** Static index of the migrations of this service; kit's own run before them. */
export const migrations = {
  '0001-verification': verification0001,
  '0002-match-tries': matchTries,
  '0003-subject-attempts': subjectAttempts,
};
