// Secrets apart from their key, scopes and limits of keys, freezes and plans of accounts, and the counters of rates.
import { statements } from '@meridian/kit/db/statements.ts';
import { takeRates } from './0002-take-rates.ts';

export const scopesAndRates = statements([
  // A key keeps its id when it is rotated; each of its secrets is a row. `revoked_at` stops at once and asks no clock; `ends_at` is a grace.
  `create table api_key_secret (
     digest bytea primary key check (octet_length(digest) = 32),
     key_id text not null references api_key (key_id),
     pepper_version integer not null check (pepper_version between 1 and 999),
     created_at timestamptz not null,
     ends_at timestamptz,
     revoked_at timestamptz
   )`,
  `insert into api_key_secret (digest, key_id, pepper_version, created_at)
   select digest, key_id, pepper_version, created_at from api_key`,
  'create index api_key_secret_of_key on api_key_secret (key_id)',
  `alter table api_key
     drop column digest,
     drop column pepper_version,
     add column project text default 'default',
     add column kind text not null default 'standard' check (kind in ('standard', 'temporary')),
     add column models text[] check (cardinality(models) between 1 and 50),
     add column endpoints text[] check (cardinality(endpoints) between 1 and 20),
     add column networks text[] check (cardinality(networks) between 1 and 50),
     add column requests_per_minute integer check (requests_per_minute > 0),
     add column tokens_per_minute bigint check (tokens_per_minute > 0),
     add column tokens_per_day bigint check (tokens_per_day > 0),
     add column expires_at timestamptz,
     add column rotated_at timestamptz,
     add column previous_end_at timestamptz,
     add check (kind = 'standard' or (expires_at is not null and expires_at <= created_at + interval '30 days'))`,
  'update api_key set project = null where erased_at is not null',
  'alter table api_key alter column project drop default, alter column kind drop default',
  'alter table api_key add check ((erased_at is null) = (project is not null))',
  'create index api_key_of_project on api_key (account_id, project, created_at desc, key_id desc)',
  // Plan keys are good until then; null: no plan.
  'alter table account_gate add column plan_until timestamptz',
  // A row per freeze, so that lifting one never lifts another.
  `create table account_freeze (
     freeze_id text primary key,
     account_id text not null,
     lifted_at timestamptz
   )`,
  'create index account_freeze_in_force on account_freeze (account_id) where lifted_at is null',
  `alter table key_change
     drop constraint key_change_reason_check,
     drop constraint key_change_check,
     add constraint key_change_reason_check
       check (reason in ('revoked', 'rotated', 'cancelled', 'protected', 'frozen', 'exhausted')),
     add constraint key_change_check check ((reason in ('revoked', 'rotated')) = (key_id is not null))`,
  `alter table key_audit
     drop constraint key_audit_actor_check,
     drop constraint key_audit_action_check,
     add constraint key_audit_actor_check
       check (actor in ('owner', 'identity', 'moderation', 'billing', 'leak_report')),
     add constraint key_audit_action_check check (action in ('create', 'update', 'rotate', 'revoke', 'cancel', 'protect',
       'lift', 'freeze', 'unfreeze', 'exhaust', 'restore', 'plan'))`,
  // Counters are not written ahead: after a crash of the database the table is empty and every window begins anew.
  `create unlogged table rate_window (
     subject text collate "C" primary key,
     minute bigint not null,
     requests bigint not null,
     tokens bigint not null,
     day bigint not null,
     day_tokens bigint not null
   ) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05)`,
  'create index rate_window_age on rate_window (day)',
  `create unlogged table usage_report (request_id text primary key, reported_at timestamptz not null)`,
  'create index usage_report_age on usage_report (reported_at)',
  takeRates,
]);
