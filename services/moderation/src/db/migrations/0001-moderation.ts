import { statements } from '@meridian/kit/db/statements.ts';

// The promises of this service are constraints, so that no code path can break them.
export const moderation0001 = statements([
  `create table rule (
     id text not null,
     version integer not null check (version > 0),
     pattern text not null,
     category text not null,
     severity text not null check (severity in ('note', 'block', 'protect')),
     weight integer not null check (weight >= 0),
     mode text not null check (mode in ('shadow', 'live')),
     boundary text not null check (boundary in ('word', 'any')),
     created_at timestamptz not null,
     primary key (id, version)
   )`,
  `create table rule_set (
     version integer generated always as identity primary key,
     policy jsonb not null,
     activated_at timestamptz not null
   )`,
  `create table rule_set_member (
     set_version integer not null references rule_set (version),
     rule_id text not null,
     rule_version integer not null,
     primary key (set_version, rule_id),
     foreign key (rule_id, rule_version) references rule (id, version)
   )`,

  'create table moderated_account (account_id text primary key)',
  `create table counted_fingerprint (
     account_id text not null,
     fingerprint text not null check (fingerprint ~ '^[0-9a-f]{64}$'),
     counted_at timestamptz not null,
     primary key (account_id, fingerprint)
   )`,
  'create index counted_fingerprint_age on counted_fingerprint (counted_at)',

  `create table moderation_case (
     id text primary key,
     account_id text not null,
     state text not null check (state in ('open', 'upheld', 'overturned', 'expired')),
     category text not null,
     opened_at timestamptz not null,
     due_at timestamptz not null check (due_at > opened_at),
     closed_at timestamptz,
     appeal_open boolean not null default false,
     urgency smallint not null generated always as (case when appeal_open then 0 when state = 'open' then 1 else 2 end) stored,
     key_wrapped bytea,
     key_version integer,
     check ((state in ('overturned', 'expired')) = (closed_at is not null)),
     constraint case_closes_no_appeal check (not (appeal_open and state in ('overturned', 'expired'))),
     check ((key_wrapped is null) = (key_version is null))
   )`,
  'create index moderation_case_work on moderation_case (urgency, due_at, id)',
  'create index moderation_case_key_version on moderation_case (key_version) where key_version is not null',
  'create index moderation_case_account on moderation_case (account_id, opened_at)',
  `create table case_rule (
     case_id text not null references moderation_case (id) on delete cascade,
     rule_id text not null,
     rule_version integer not null,
     primary key (case_id, rule_id, rule_version),
     foreign key (rule_id, rule_version) references rule (id, version)
   )`,

  // No protection without an end and without a case; one at a time.
  `create table protection (
     id text primary key,
     account_id text not null,
     case_id text not null unique references moderation_case (id),
     from_at timestamptz not null,
     until_at timestamptz not null check (until_at > from_at),
     lifted_at timestamptz,
     lift_reason text check (lift_reason in ('overturned', 'expired', 'erased')),
     check ((lifted_at is null) = (lift_reason is null)),
     check (lift_reason <> 'expired' or lifted_at >= until_at)
   )`,
  'create unique index protection_one_active on protection (account_id) where lifted_at is null',
  'create index protection_ending on protection (until_at) where lifted_at is null',

  `create table strike (
     id bigint generated always as identity primary key,
     account_id text not null,
     request_id text not null,
     fingerprint text not null,
     rule_id text not null,
     rule_version integer not null,
     weight integer not null check (weight >= 0),
     counts boolean not null,
     counted_at timestamptz not null,
     case_id text references moderation_case (id),
     foreign key (rule_id, rule_version) references rule (id, version)
   )`,
  'create index strike_counting on strike (account_id, counted_at) where counts and case_id is null',
  'create index strike_case on strike (case_id) where case_id is not null',
  'create index strike_account on strike (account_id)',
  'create index strike_age on strike (counted_at)',

  `create table rule_override (
     account_id text not null,
     rule_id text not null,
     rule_version integer not null,
     case_id text not null references moderation_case (id),
     expires_at timestamptz not null,
     primary key (account_id, rule_id, rule_version)
   )`,

  `create table appeal (
     id text primary key,
     case_id text not null references moderation_case (id),
     status text not null check (status in ('open', 'upheld', 'overturned')),
     text_sealed bytea not null,
     submitted_at timestamptz not null,
     due_at timestamptz not null check (due_at > submitted_at),
     decided_at timestamptz,
     check ((status = 'open') = (decided_at is null))
   )`,
  `create unique index appeal_one_open on appeal (case_id) where status = 'open'`,
  'create index appeal_case on appeal (case_id, submitted_at)',

  // A person decides a case once: whatever is decided again, an appeal above all, is decided by somebody else.
  `create table decision (
     id text primary key,
     case_id text not null references moderation_case (id),
     appeal_id text references appeal (id) on delete set null,
     staff_id text not null,
     decision text not null check (decision in ('uphold', 'overturn')),
     reason_sealed bytea not null,
     decided_at timestamptz not null,
     constraint decision_second_person unique (case_id, staff_id)
   )`,
]);
