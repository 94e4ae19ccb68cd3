// What proves a person beside codes: a password, an authenticator app, recovery codes; and sign-ins that wait for their second factor.
import { statements } from '@meridian/kit/db/statements.ts';

export const factorTables = statements([
  `create table password (
     account_id text primary key references account on delete cascade,
     hash text not null,
     set_at timestamptz not null
   )`,
  `create table totp (
     account_id text primary key references account on delete cascade,
     sealed bytea,
     pending_sealed bytea,
     confirmed_at timestamptz,
     last_step bigint not null default 0,
     check ((sealed is null) = (confirmed_at is null)),
     check (sealed is not null or pending_sealed is not null)
   )`,
  `create table recovery_code (
     account_id text not null references account on delete cascade,
     code_hash text not null,
     drawn_at timestamptz not null,
     used_at timestamptz,
     primary key (account_id, code_hash)
   )`,
  `create table pending_sign_in (
     challenge_hash text primary key,
     account_id text not null references account on delete cascade,
     method text not null,
     attempts integer not null default 0 check (attempts between 0 and 5),
     expires_at timestamptz not null
   )`,
  'create index pending_sign_in_account on pending_sign_in (account_id)',
  'create index pending_sign_in_expiry on pending_sign_in (expires_at)',
]);
