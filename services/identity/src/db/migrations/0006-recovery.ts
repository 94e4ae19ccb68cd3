// Recovery of accounts, tickets with their cooling-off, and numbers that changed hands.
import { statements } from '@meridian/kit/db/statements.ts';

export const recoveryTables = statements([
  // account_id is null where nobody has the address that was named: the row only pretends.
  `create table recovery (
     id text primary key,
     account_id text references account on delete cascade,
     identifier_hash text,
     token_hash text not null unique,
     started_by text not null check (started_by in ('owner', 'staff')),
     proofs text[] not null default '{}',
     contact_ids text[] not null default '{}',
     tries integer not null default 0 check (tries between 0 and 10),
     created_at timestamptz not null,
     expires_at timestamptz not null,
     ended_at timestamptz,
     ended_as text check (ended_as in ('completed', 'stopped')),
     check ((ended_at is null) = (ended_as is null))
   )`,
  'create index recovery_account on recovery (account_id) where account_id is not null',
  'create index recovery_expiry on recovery (expires_at)',
  // contact_hash is the blind index of the address that is to be proven; the address itself is kept only for an account that exists.
  // stop_hash comes when the owner is told: until then the row is the outbox of that message. heard_at: a provider took it.
  `create table recovery_ticket (
     id text primary key,
     account_id text references account on delete cascade,
     token_hash text not null unique,
     stop_hash text unique,
     contact_hash text not null,
     contact_kind text not null check (contact_kind in ('phone', 'email')),
     sealed_contact bytea,
     sealed_message bytea,
     real_name text not null check (real_name in ('match', 'no_match', 'not_asked')),
     needs_approval boolean not null,
     network text not null,
     heard_at timestamptz,
     state text not null default 'open' check (state in ('open', 'approved', 'refused', 'stopped', 'completed')),
     created_at timestamptz not null,
     cooling_until timestamptz not null,
     expires_at timestamptz not null check (cooling_until < expires_at),
     ended_at timestamptz,
     check (account_id is not null or stop_hash is null),
     check (heard_at is null or stop_hash is not null),
     check ((account_id is null) = (sealed_contact is null)),
     check (account_id is not null or state = 'open'),
     check ((state in ('open', 'approved')) = (ended_at is null))
   )`,
  'create index recovery_ticket_account on recovery_ticket (account_id, created_at) where account_id is not null',
  'create index recovery_ticket_page on recovery_ticket (created_at desc, id desc) where account_id is not null',
  'create index recovery_ticket_expiry on recovery_ticket (expires_at)',
  "create index recovery_ticket_untold on recovery_ticket (created_at) where account_id is not null and stop_hash is null and state in ('open', 'approved')",
  // last_seen_at: of sessions that were deleted since; living ones and known devices say the rest.
  `alter table account
     add column last_seen_at timestamptz,
     add column phone_detached_at timestamptz`,
  // What completes a sign-in, and the contact whose code began it.
  `alter table pending_sign_in
     add column needs text not null default 'second_factor' check (needs in ('second_factor', 'second_proof')),
     add column contact_id text`,
  // A message may carry one text of its own: the code that stops a recovery, or the token that goes on with one.
  'alter table notice add column sealed_extra bytea',
  `alter table staff_audit
     add column action text check (length(action) <= 60),
     add column subject text check (length(subject) <= 200),
     add column reason text check (length(reason) between 1 and 500),
     alter column roles set default '{}'`,
  'create index staff_audit_subject on staff_audit (subject, at) where subject is not null',
]);
