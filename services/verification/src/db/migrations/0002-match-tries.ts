// How often identity asked whether somebody is the person of an account, by the name that was given for it: a count per account would tell which
// names belong together.
import { statements } from '@meridian/kit/db/statements.ts';

export const matchTries = statements([
  `create table match_try (
     asked_as text not null,
     day date not null,
     tries integer not null check (tries >= 1),
     primary key (asked_as, day)
   )`,
  'create index match_try_day on match_try (day)',
]);
