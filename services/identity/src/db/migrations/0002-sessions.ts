// Sessions know their device, accounts can be restricted for a while, and the security log tells how somebody signed in.
import { statements } from '@meridian/kit/db/statements.ts';

export const sessionColumns = statements([
  `alter table account
     add column restricted_until timestamptz,
     add column language text check (language in ('zh-CN', 'en')),
     add column display_name bytea`,
  `alter table session
     add column delivery text not null default 'body' check (delivery in ('body', 'cookie')),
     add column device text not null default 'unknown' check (length(device) <= 80),
     add column proven_at timestamptz,
     add column place text check (length(place) <= 80),
     add column last_seen_at timestamptz`,
  'alter table session drop constraint session_ended_reason_check',
  `alter table session add constraint session_ended_reason_check
     check (ended_reason in ('signed_out', 'reuse', 'cancelled', 'credentials_changed', 'recovered', 'staff', 'too_many'))`,
  'create index session_account_living on session (account_id, created_at desc, id desc) where ended_at is null',
  `alter table security_log
     add column method text check (length(method) <= 40),
     add column device text check (length(device) <= 80),
     add column place text check (length(place) <= 80)`,
  `alter table code add column account_id text`,
  'alter table code drop constraint code_purpose_check',
  `alter table code add constraint code_purpose_check check (purpose in ('login', 'reauthenticate', 'bind', 'recover'))`,
  'drop index code_live',
  `create unique index code_live on code (identifier_hash, purpose, coalesce(account_id, ''))
     where consumed_at is null and killed_at is null`,
  'create index code_account on code (account_id) where account_id is not null',
  // Devices an account has signed in from, as keyed hashes; a sign-in from another is told to the owner.
  `create table known_device (
     account_id text not null references account on delete cascade,
     device_hash text not null,
     last_seen_at timestamptz not null,
     primary key (account_id, device_hash)
   )`,
  // Messages to a person about the account, on their way. The address is sealed with the account's key.
  `create table notice (
     id text primary key,
     account_id text not null references account on delete cascade,
     kind text not null,
     channel text not null check (channel in ('phone', 'email')),
     sealed_to bytea not null,
     language text not null check (language in ('zh-CN', 'en')),
     happened_at timestamptz not null,
     attempts integer not null default 0,
     unanswered integer not null default 0 check (unanswered <= attempts),
     next_attempt_at timestamptz not null
   )`,
  // In the order in which they are sent: what stops a recovery first.
  "create index notice_due on notice (channel, (kind = 'recovery_started') desc, next_attempt_at)",
  'create index notice_account on notice (account_id)',
  'create index security_log_page on security_log (account_id, at desc, id desc)',
]);
