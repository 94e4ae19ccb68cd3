// Accounts elsewhere: the logins linked to an account, the flows that lead to them, and what providers told.
import { statements } from '@meridian/kit/db/statements.ts';

export const linkedLoginTables = statements([
  // ends_at: the provider ended it, and it is the only way into the account.
  `create table linked_login (
     id text primary key,
     account_id text not null references account on delete cascade,
     provider text not null,
     linked_at timestamptz not null,
     last_used_at timestamptz not null,
     sealed_name bytea,
     sealed_revocation bytea,
     ends_at timestamptz
   )`,
  'create index linked_login_account on linked_login (account_id, linked_at)',
  'create index linked_login_ends on linked_login (ends_at) where ends_at is not null',
  // A person may have several ids at one provider. The value is a keyed hash; the key of a login is all four together, never an address.
  `create table linked_login_id (
     provider text not null,
     app text not null,
     kind text not null,
     subject_hash text not null,
     login_id text not null references linked_login on delete cascade,
     primary key (provider, app, kind, subject_hash)
   )`,
  'create index linked_login_id_login on linked_login_id (login_id)',
  // A browser is on its way to a provider. Verifier and nonce follow from state and cookie, of which only hashes are here.
  `create table login_flow (
     state_hash text primary key,
     browser_hash text not null,
     provider text not null,
     purpose text not null check (purpose in ('sign_in', 'link', 'prove')),
     return_to text not null,
     account_id text references account on delete cascade,
     session_id text,
     expires_at timestamptz not null,
     check ((purpose = 'sign_in') = (account_id is null)),
     check ((account_id is null) = (session_id is null))
   )`,
  'create index login_flow_expiry on login_flow (expires_at)',
  'create index login_flow_account on login_flow (account_id) where account_id is not null',
  // A person whom a provider has proven and who owns nothing yet. Sealed with a key that only the holder of the token has.
  `create table pending_login (
     id text primary key,
     token_hash text not null unique,
     stage text not null check (stage in ('completion', 'binding')),
     browser_hash text not null,
     provider text not null,
     purpose text not null check (purpose in ('sign_in', 'link', 'prove')),
     account_id text references account on delete cascade,
     session_id text,
     sealed bytea not null,
     created_at timestamptz not null,
     expires_at timestamptz not null,
     check ((purpose = 'sign_in') = (account_id is null)),
     check (stage <> 'binding' or purpose = 'sign_in'),
     check (expires_at <= created_at + interval '24 hours')
   )`,
  'create index pending_login_expiry on pending_login (expires_at)',
  'create index pending_login_account on pending_login (account_id) where account_id is not null',
  // What a provider said at registration. No contact: it owns nothing, blocks nobody, and goes after a day.
  `create table offered_email (
     account_id text primary key references account on delete cascade,
     login_id text not null references linked_login on delete cascade,
     sealed bytea not null,
     proven boolean not null,
     expires_at timestamptz not null
   )`,
  'create index offered_email_expiry on offered_email (expires_at)',
  'create index offered_email_login on offered_email (login_id)',
  `create table login_push (push_hash text primary key, received_at timestamptz not null)`,
  'create index login_push_received on login_push (received_at)',
  // Tokens to be ended at the provider. They outlive the account by some days, so they name none and are sealed with the region's key.
  `create table login_revocation (
     id text primary key,
     provider text not null,
     sealed bytea not null,
     attempts integer not null default 0,
     next_attempt_at timestamptz not null
   )`,
  'create index login_revocation_due on login_revocation (next_attempt_at)',
  `create table login_deletion (
     confirmation_hash text primary key,
     provider text not null,
     requested_at timestamptz not null,
     account_id text references account on delete set null,
     ends_at timestamptz,
     saga_id text
   )`,
  'create index login_deletion_account on login_deletion (account_id) where account_id is not null',
]);
