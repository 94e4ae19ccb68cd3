import { statements } from '@meridian/kit/db/statements.ts';

/** Attempts of a day per person, whatever the accounts. No account is in it, and the index is another one every day. */
export const subjectAttempts = statements([
  `create table subject_attempt (
     subject_index bytea not null,
     day date not null,
     attempts integer not null check (attempts >= 0),
     primary key (day, subject_index)
   )`,
]);
