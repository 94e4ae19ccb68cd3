import { statements } from '@meridian/kit/db/statements.ts';

// The promises of this service are constraints, so that no code path can break them.
export const verification0001 = statements([
  `create table verification (
     account_id text primary key,
     rank smallint not null default 0 check (rank between 0 and 2),
     submission_id text,
     verified_at timestamptz,
     check ((rank = 0) = (verified_at is null))
   )`,
  // One account, one type; personal may become enterprise, nothing ever goes back.
  `create function verification_rank_only_grows() returns trigger language plpgsql as $$
   begin
     if new.account_id <> old.account_id or new.rank < old.rank then
       raise exception 'a verification never goes back' using errcode = 'check_violation', constraint = 'verification_rank_only_grows';
     end if;
     return new;
   end $$`,
  `create trigger verification_rank_only_grows before update on verification
     for each row execute function verification_rank_only_grows()`,
  // Deleting and inserting again would be a way back: only the row of a fenced account, which is never written again, may go.
  `create function verification_goes_with_account() returns trigger language plpgsql as $$
   begin
     if old.rank > 0 and not exists (select 1 from account_fence where account_id = old.account_id) then
       raise exception 'a verification goes only with its account' using errcode = 'check_violation', constraint = 'verification_goes_with_account';
     end if;
     return old;
   end $$`,
  `create trigger verification_goes_with_account before delete on verification
     for each row execute function verification_goes_with_account()`,

  `create table submission (
     id text primary key,
     account_id text not null references verification (account_id) on delete cascade,
     state text not null check (state in ('pending', 'manual_review', 'approved', 'rejected', 'freed', 'superseded')),
     reason text check (char_length(reason) <= 40),
     provider text not null,
     consent_version text not null check (char_length(consent_version) between 1 and 40),
     created_at timestamptz not null,
     decided_at timestamptz,
     drives integer not null default 0 check (drives >= 0),
     next_drive_at timestamptz,
     name_sealed bytea,
     number_sealed bytea,
     constraint submission_open_is_driven check ((state in ('pending', 'manual_review')) = (next_drive_at is not null)),
     constraint submission_final_is_dated check ((state in ('pending', 'manual_review')) = (decided_at is null)),
     constraint submission_keeps_no_refused_person check (
       (state in ('pending', 'manual_review', 'approved')) = (name_sealed is not null)
       and (name_sealed is null) = (number_sealed is null))
   )`,
  `create unique index submission_one_open on submission (account_id) where state in ('pending', 'manual_review')`,
  `create unique index submission_one_approved on submission (account_id) where state = 'approved'`,
  `create index submission_account on submission (account_id, created_at)`,
  `create index submission_to_drive on submission (next_drive_at) where state in ('pending', 'manual_review')`,

  // Three states: no row (never), active, erased. An erased key never becomes active again.
  `create table subject_key (
     account_id text primary key,
     state text not null check (state in ('active', 'erased')),
     wrapped bytea,
     key_version integer,
     created_at timestamptz not null,
     erased_at timestamptz,
     check ((state = 'active') = (wrapped is not null)),
     check ((wrapped is null) = (key_version is null)),
     check ((state = 'erased') = (erased_at is not null))
   )`,
  'create index subject_key_version on subject_key (key_version) where key_version is not null',
  `create function subject_key_stays_erased() returns trigger language plpgsql as $$
   begin
     if old.state = 'erased' then
       raise exception 'an erased key stays erased' using errcode = 'check_violation', constraint = 'subject_key_stays_erased';
     end if;
     return new;
   end $$`,
  `create trigger subject_key_stays_erased before update or delete on subject_key
     for each row execute function subject_key_stays_erased()`,

  // N accounts per person without counting: a person has slots 1 to N, an account takes one.
  `create table subject_slot (
     subject_index bytea not null,
     slot smallint not null check (slot between 1 and 10),
     account_id text not null unique references verification (account_id) on delete cascade,
     primary key (subject_index, slot)
   )`,

  `create table attempt_day (
     account_id text not null references verification (account_id) on delete cascade,
     day date not null,
     attempts integer not null default 0 check (attempts >= 0),
     answers integer not null default 0 check (answers >= attempts),
     primary key (account_id, day)
   )`,

  // What stays after an erasure: that somebody was decided about on a day. It names no account and no person.
  `create table decision_record (
     id text primary key,
     outcome text not null,
     decided_on date not null,
     provider text not null,
     consent_version text not null
   )`,
]);
