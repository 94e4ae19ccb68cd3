// Keys, the gate of their account, what gateways must hear of, and who did what.
import { statements } from '@meridian/kit/db/statements.ts';

export const keys = statements([
  `create table api_key (
     key_id text primary key,
     account_id text,
     name text,
     display text,
     product text not null check (product in ('payg', 'plan')),
     digest bytea not null unique check (octet_length(digest) = 32),
     pepper_version integer not null check (pepper_version between 1 and 999),
     created_at timestamptz not null,
     last_used_at timestamptz,
     revoked_at timestamptz,
     erased_at timestamptz,
     check ((erased_at is null) = (account_id is not null)),
     check ((erased_at is null) = (name is not null)),
     check ((erased_at is null) = (display is not null))
   )`,
  'create index api_key_of_account on api_key (account_id, created_at desc, key_id desc)',
  'create index api_key_active on api_key (account_id) where revoked_at is null',
  `create table account_gate (
     account_id text primary key,
     cancelled_at timestamptz,
     exhausted_at timestamptz
   )`,
  // A row per protection, so that lifting one never lifts another. The end time counts on reading; nothing has to run for it to end.
  `create table account_protection (
     protection_id text primary key,
     account_id text not null,
     case_id text not null,
     until timestamptz not null,
     lifted_at timestamptz
   )`,
  'create index account_protection_in_force on account_protection (account_id, until desc) where lifted_at is null',
  // Positions come from this one row, whose lock is held until commit: whoever reads position n can read every lower one.
  `create table key_change_head (single boolean primary key default true check (single), position bigint not null)`,
  'insert into key_change_head (position) values (0)',
  `create table key_change (
     position bigint primary key,
     account_id text not null,
     key_id text,
     reason text not null check (reason in ('revoked', 'cancelled', 'protected', 'exhausted')),
     changed_at timestamptz not null,
     check ((reason = 'revoked') = (key_id is not null))
   )`,
  'create index key_change_age on key_change (changed_at)',
  `create table key_audit (
     id bigint generated always as identity primary key,
     at timestamptz not null,
     account_id text not null,
     key_id text,
     actor text not null check (actor in ('owner', 'identity', 'moderation', 'billing')),
     action text not null check (action in ('create', 'revoke', 'cancel', 'protect', 'lift', 'exhaust', 'restore'))
   )`,
  'create index key_audit_of_account on key_audit (account_id, id)',
  'create index key_audit_age on key_audit (at)',
]);
