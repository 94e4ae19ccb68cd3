// Staff who sign in to a console, and staff who sign out.
import { statements } from '@meridian/kit/db/statements.ts';

export const staffTables = statements([
  // The console's own PKCE challenge: with it the sign-in ends in a one-time code, without it in the token.
  'alter table staff_sign_in add column code_challenge text check (length(code_challenge) = 43)',
  `create table staff_completion (
     code_hash text primary key,
     code_challenge text not null,
     staff_id text not null references staff,
     roles text[] not null,
     expires_at timestamptz not null
   )`,
  'create index staff_completion_expiry on staff_completion (expires_at)',
  // Tokens issued up to this time are none any more.
  'alter table staff add column not_before timestamptz',
  'create index staff_audit_page on staff_audit (at desc, id desc)',
]);
