// Sessions know their device, accounts can be restricted for a while, and the security log tells how somebody signed in.
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const statements = [
  `alter table account
     add column restricted_until timestamptz,
     add column language text check (language in ('zh-CN', 'en')),
     add column display_name bytea`,
  `alter table session
     add column delivery text not null default 'body' check (delivery in ('body', 'cookie')),
     add column device text not null default 'unknown' check (length(device) <= 80),
     add column device_hash text,
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
  'create index security_log_page on security_log (account_id, at desc, id desc)',
];

export const sessionColumns: Migration = {
  up: async (db: Kysely<unknown>) => {
    for (const text of statements) await sql.raw(text).execute(db);
  },
};
