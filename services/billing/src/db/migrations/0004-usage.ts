import { statements } from '@meridian/kit/db/statements.ts';
import type { Migration } from 'kysely/migration';

const tokens = (prefix: string, nullable: boolean) =>
  ['prompt_tokens', 'cached_tokens', 'completion_tokens']
    .map((name) => `${prefix}${name} integer ${nullable ? '' : 'not null'} check (${prefix}${name} >= 0)`)
    .join(',\n       ');

export const usage = (currency: string): Migration =>
  statements([
    `create table hold (
       request_id text primary key,
       account_id text not null,
       key_id text not null,
       model text not null,
       price_version integer not null,
       prompt_tokens_bound integer not null check (prompt_tokens_bound >= 0),
       first_window integer not null check (first_window > 0),
       last_window integer not null check (last_window > 0),
       amount bigint not null check (amount >= 0),
       state text not null check (state in ('held', 'settled', 'released', 'expired')),
       ${tokens('reported_', true)},
       ${tokens('settled_', true)},
       charged bigint check (charged >= 0),
       written_off bigint check (written_off >= 0),
       arrears bigint check (arrears between 0 and charged),
       outcome text check (outcome in ('completed', 'interrupted')),
       created_at timestamptz not null,
       deadline timestamptz not null,
       closed_at timestamptz,
       foreign key (model, price_version) references price (model, version),
       check ((state = 'held') = (closed_at is null)),
       check (state = 'held' or num_nulls(charged, written_off, arrears) = 0),
       check (num_nulls(reported_prompt_tokens, reported_cached_tokens, reported_completion_tokens) in (0, 3)),
       check ((state = 'settled') = (outcome is not null)),
       check (state <> 'settled' or num_nulls(settled_prompt_tokens, settled_cached_tokens, settled_completion_tokens) = 0)
     )`,
    `create index hold_deadline on hold (deadline) where state = 'held'`,
    `create index hold_of_account on hold (account_id)`,
    // For the proof of the held amount, which is not to read every call that an account ever made.
    `create index hold_open_of_account on hold (account_id) where state = 'held'`,
    `create table charge (
       request_id text primary key,
       account_id text not null,
       key_id text not null,
       model text not null,
       ${tokens('', false)},
       check (cached_tokens <= prompt_tokens),
       amount bigint not null check (amount >= 0),
       currency text not null check (currency = '${currency}'),
       price_version integer not null,
       outcome text not null check (outcome in ('completed', 'interrupted', 'expired')),
       settled_at timestamptz not null
     )`,
    'create index charge_of_account on charge (account_id, settled_at desc, request_id desc)',
  ]);
