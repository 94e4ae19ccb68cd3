// Passkeys (WebAuthn credentials) and the challenges they answer.
import { statements } from '@meridian/kit/db/statements.ts';

export const passkeyTables = statements([
  `create table passkey (
     id text primary key,
     account_id text not null references account on delete cascade,
     credential_id text not null unique,
     public_key bytea not null,
     counter bigint not null,
     name text not null check (length(name) between 1 and 60),
     created_at timestamptz not null,
     last_used_at timestamptz
   )`,
  'create index passkey_account on passkey (account_id, created_at)',
  // account_id: only for a registration, which is bound to the account that began it.
  `create table passkey_challenge (
     id text primary key,
     account_id text references account on delete cascade,
     challenge text not null,
     expires_at timestamptz not null
   )`,
  'create index passkey_challenge_expiry on passkey_challenge (expires_at)',
  'create index passkey_challenge_account on passkey_challenge (account_id) where account_id is not null',
]);
