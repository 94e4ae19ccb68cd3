// Migrations of kit's own tables; `migrate` runs them before the service's own.
import type { Migration } from 'kysely/migration';
import { statements } from './statements.ts';

const events = statements([
  // Rows are deleted as soon as they are on the bus, so the table stays small; vacuum often.
  `create table outbox (
     id bigint generated always as identity primary key,
     event_id text not null unique,
     account_id text not null,
     type text not null,
     payload text not null,
     created_at timestamptz not null default now()
   ) with (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000)`,
  'create table account_sequence (account_id text primary key, seq bigint not null)',
  `create table inbox (
     consumer text not null,
     event_id text not null,
     received_at timestamptz not null default now(),
     primary key (consumer, event_id)
   )`,
  'create index inbox_received on inbox (received_at)',
  `create table inbox_sequence (
     consumer text not null,
     source text not null,
     account_id text not null,
     seq bigint not null,
     primary key (consumer, source, account_id)
   )`,
  'create sequence parked_event_position',
  `create table parked_event (
     id bigint generated always as identity primary key,
     position bigint not null default nextval('parked_event_position'),
     consumer text not null,
     event_id text not null,
     account_id text not null,
     source text not null,
     type text not null,
     seq bigint,
     payload text not null,
     state text not null check (state in ('parked', 'held', 'unknown', 'replaying', 'applied', 'discarded')),
     error text not null,
     attempts integer not null,
     parked_at timestamptz not null default now(),
     decided_at timestamptz,
     decided_by text,
     reason text,
     unique (consumer, event_id)
   )`,
  `create index parked_event_open on parked_event (consumer, account_id, position) where state in ('parked', 'held', 'unknown', 'replaying')`,
  `create index parked_event_replaying on parked_event (consumer, position) where state = 'replaying'`,
  `create index parked_event_unknown on parked_event (consumer, type) where state = 'unknown'`,
]);

const idempotency = statements([
  `create table idempotency_key (
     scope text not null,
     key text not null,
     request_hash text not null,
     state text not null check (state in ('running', 'done')),
     status integer,
     body text,
     created_at timestamptz not null default now(),
     expires_at timestamptz not null,
     primary key (scope, key)
   )`,
  'create index idempotency_key_expiry on idempotency_key (expires_at)',
]);

const accounts = statements([
  'create table account_fence (account_id text primary key, saga_id text not null, fenced_at timestamptz not null)',
  `create table account_tombstone (
     account_id text primary key,
     saga_id text not null,
     erased_at timestamptz not null,
     receipt jsonb not null
   )`,
  // One round trip for every writing use case. Volatile: under READ COMMITTED the look-up gets a snapshot of its own, taken after the
  // lock was granted. Under stricter isolation the snapshot would be older than the lock, so that is refused.
  `create function account_fenced_at(account text) returns timestamptz language plpgsql volatile as $$
   begin
     if current_setting('transaction_isolation') <> 'read committed' then
       raise exception 'the fence can only be checked under read committed' using errcode = 'MF001';
     end if;
     perform pg_advisory_xact_lock_shared(hashtextextended(account, 20261122));
     return (select fenced_at from account_fence where account_id = account);
   end $$`,
  // What holds off the fence holds off the erasure, which begins with it.
  `create function account_erased(account text) returns boolean language plpgsql volatile as $$
   begin
     perform account_fenced_at(account);
     return exists (select from account_tombstone where account_id = account);
   end $$`,
]);

const sessions = statements([
  // What identity told about ended sessions. A row is of use for as long as an access token lives; see account/standing.ts.
  `create table not_before (
     account_id text not null,
     session_id text not null,
     ended_at timestamptz not null,
     recorded_at timestamptz not null default now(),
     primary key (account_id, session_id)
   )`,
  'create index not_before_recorded on not_before (recorded_at)',
]);

const published = statements([
  // What is on the bus stays for some days, to be sent again when a broker lost it (docs/decisions/0016-published-events-are-kept.md).
  // `position` is the event's former place in the outbox, which keeps the order per account.
  `create table published_event (
     event_id text primary key,
     position bigint not null,
     account_id text not null,
     type text not null,
     payload text not null,
     created_at timestamptz not null,
     published_at timestamptz not null
   )`,
  'create index published_event_position on published_event (position)',
  'create index published_event_published on published_event (published_at)',
]);

export const kitMigrations: Record<string, Migration> = {
  '0001-events': events,
  '0002-idempotency': idempotency,
  '0003-accounts': accounts,
  '0004-sessions': sessions,
  '0005-published': published,
};
