import { statements } from '@meridian/kit/db/statements.ts';
import type { Migration } from 'kysely/migration';

export const recharge = (currency: string): Migration =>
  statements([
    `create table recharge_order (
       id text primary key,
       account_id text not null,
       request_key text not null,
       channel text not null,
       channel_order_no text not null unique check (channel_order_no ~ '^[0-9A-Z]{6,32}$'),
       amount bigint not null check (amount > 0),
       currency text not null check (currency = '${currency}'),
       status text not null check (status in ('created', 'paying', 'paid', 'closed')),
       payment jsonb,
       channel_payment_id text,
       booked_to text check (booked_to in ('user_cash', 'suspense')),
       created_at timestamptz not null,
       expires_at timestamptz not null,
       paid_at timestamptz,
       closed_at timestamptz,
       queries integer not null default 0,
       next_query_at timestamptz,
       unique (account_id, request_key),
       check ((status = 'paid') = (paid_at is not null)),
       check ((status = 'paid') = (booked_to is not null)),
       check (status <> 'paying' or payment is not null)
     )`,
    'create index recharge_order_of_account on recharge_order (account_id, created_at desc, id desc)',
    'create index recharge_order_due on recharge_order (next_query_at) where next_query_at is not null',
    // What channels told us, with a proven signature. The message itself is evidence in a dispute and may name the payer: encrypted.
    `create table channel_event (
       channel text not null,
       event_id text not null,
       kind text not null,
       order_no text,
       outcome text not null check (outcome in ('credited', 'suspense', 'repeated', 'noted', 'refused')),
       reason text,
       body bytea not null,
       times integer not null default 1,
       received_at timestamptz not null,
       last_received_at timestamptz not null,
       primary key (channel, event_id)
     )`,
    'create index channel_event_order on channel_event (order_no)',
    `create table verified_account (
       account_id text primary key,
       kind text not null check (kind in ('personal', 'enterprise')),
       verified_at timestamptz not null
     )`,
  ]);
