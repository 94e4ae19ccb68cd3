// The tables of identity. Unique constraints carry the promises; see README.md for what each table is for.
import { statements } from '@meridian/kit/db/statements.ts';

export const identityTables = statements([
  `create table account (
     id text primary key,
     status text not null check (status in ('active', 'closing', 'cancelled')),
     created_at timestamptz not null
   )`,
  `create table consent (
     account_id text not null references account on delete cascade,
     terms_version text not null,
     accepted_at timestamptz not null,
     primary key (account_id, terms_version)
   )`,
  // Deleting the row is the cryptographic erasure of everything sealed with the key.
  `create table account_key (
     account_id text primary key references account,
     wrapped bytea not null
   )`,
  // Deferred: a registration takes the contact first, because the contact is what two of them can race for.
  `create table contact (
     id text primary key,
     account_id text not null references account deferrable initially deferred,
     kind text not null check (kind in ('phone', 'email')),
     sealed bytea not null,
     blind_index text not null unique,
     verified_at timestamptz not null
   )`,
  'create index contact_account on contact (account_id)',
  `create table code (
     id text primary key,
     purpose text not null check (purpose in ('login', 'reauthenticate')),
     identifier_hash text not null,
     code_hash text not null,
     created_at timestamptz not null,
     expires_at timestamptz not null,
     attempts integer not null default 0 check (attempts between 0 and 5),
     consumed_at timestamptz,
     killed_at timestamptz
   )`,
  'create unique index code_live on code (identifier_hash, purpose) where consumed_at is null and killed_at is null',
  'create index code_expiry on code (expires_at)',
  `create table limit_count (
     scope text not null,
     slot timestamptz not null,
     count integer not null check (count >= 0),
     primary key (scope, slot)
   )`,
  'create index limit_count_slot on limit_count (slot)',
  `create table session (
     id text primary key,
     account_id text not null references account,
     method text not null,
     created_at timestamptz not null,
     token_hash text not null unique,
     parent_hash text,
     rotated_at timestamptz,
     idle_until timestamptz not null,
     expires_at timestamptz not null check (idle_until <= expires_at),
     ended_at timestamptz,
     ended_reason text check (ended_reason in ('signed_out', 'reuse', 'cancelled')),
     check ((ended_at is null) = (ended_reason is null))
   )`,
  'create index session_account on session (account_id)',
  'create index session_idle on session (idle_until)',
  `create table signing_key (
     kid text primary key,
     state text not null check (state in ('next', 'current', 'previous')),
     public_jwk jsonb not null,
     sealed bytea not null,
     created_at timestamptz not null,
     activated_at timestamptz,
     retired_at timestamptz,
     check ((state = 'next') = (activated_at is null)),
     check ((state = 'previous') = (retired_at is not null))
   )`,
  `create unique index signing_key_one on signing_key (state) where state in ('next', 'current')`,
  `create table security_log (
     id bigint generated always as identity primary key,
     at timestamptz not null,
     kind text not null,
     account_id text,
     session_id text,
     network text
   )`,
  'create index security_log_account on security_log (account_id, at)',
  'create index security_log_at on security_log (at)',
  `create table staff (
     id text primary key,
     issuer text not null,
     subject text not null,
     created_at timestamptz not null,
     unique (issuer, subject)
   )`,
  `create table staff_sign_in (
     state_hash text primary key,
     browser_hash text not null,
     expires_at timestamptz not null
   )`,
  'create index staff_sign_in_expiry on staff_sign_in (expires_at)',
  `create table staff_audit (
     id bigint generated always as identity primary key,
     at timestamptz not null,
     staff_id text not null references staff,
     roles text[] not null,
     network text
   )`,
  'create index staff_audit_staff on staff_audit (staff_id, at)',
  // Logs can be added to, never changed; what is older than its legal period goes, by a job that says so.
  `create function only_append() returns trigger language plpgsql as $$
   begin
     if tg_op = 'DELETE' and current_setting('meridian.retention', true) = 'expired' then return old; end if;
     raise exception '% can only be added to', tg_table_name using errcode = 'MI001';
   end $$`,
  'create trigger only_append before update or delete on security_log for each row execute function only_append()',
  'create trigger only_append before update or delete on staff_audit for each row execute function only_append()',
  `create table cancellation (
     saga_id text primary key,
     account_id text unique,
     subject text unique,
     status text not null check (status in ('cancelling', 'cancelled', 'erased')),
     receipt_hash text not null unique,
     sealed_account bytea not null,
     sealed_reason bytea,
     requested_at timestamptz not null,
     cancelled_at timestamptz,
     erased_at timestamptz,
     check ((status = 'erased') = (account_id is null)),
     check ((status = 'erased') = (subject is not null)),
     check ((status = 'erased') = (erased_at is not null)),
     check ((status = 'cancelling') = (cancelled_at is null)),
     check (status <> 'erased' or sealed_reason is null)
   )`,
  `create index cancellation_open on cancellation (requested_at) where status <> 'erased'`,
  `create table cancellation_step (
     saga_id text not null references cancellation,
     service text not null check (service in ('identity', 'verification', 'billing', 'key-issuance', 'moderation')),
     fenced_at timestamptz,
     attempts integer not null default 0,
     next_attempt_at timestamptz not null,
     erased_at timestamptz,
     erased jsonb,
     retained jsonb not null default '[]',
     primary key (saga_id, service)
   )`,
  'create index cancellation_step_due on cancellation_step (next_attempt_at) where fenced_at is null',
]);
