// Who of the staff read which cases. The case is the reason: its state, appeal and due date say why it was looked at.
import { statements } from '@meridian/kit/db/statements.ts';

export const moderation0002 = statements([
  `create table case_reading (
     id bigint generated always as identity primary key,
     at timestamptz not null,
     staff_id text not null,
     case_ids text[] not null check (cardinality(case_ids) between 1 and 200)
   )`,
  'create index case_reading_at on case_reading (at)',
]);
