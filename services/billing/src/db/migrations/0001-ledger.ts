// Double entry. Amounts are nano-units; credit is positive, debit negative. `user_cash` is what we owe a user, `clearing` what a channel owes us.

import { statements } from '@meridian/kit/db/statements.ts';
import type { Migration } from 'kysely/migration';

/** `currency` is the region's one currency: no row of another can exist. */
export const ledger = (currency: string): Migration => {
  if (!/^[A-Z]{3}$/.test(currency)) throw new Error('the currency of the profile is not an ISO 4217 code');
  const currencyColumn = `currency text not null check (currency = '${currency}')`;
  return statements([
    // The owner is an account, a pseudonym of an erased one, or a channel. Entries point at the number, so that a pseudonym can
    // replace the account without touching them.
    `create table ledger_account (
       id bigint generated always as identity primary key,
       kind text not null check (kind in ('user_cash', 'clearing', 'suspense', 'revenue', 'write_off')),
       owner text not null,
       unique (kind, owner)
     )`,
    `insert into ledger_account (kind, owner) values ('revenue', ''), ('write_off', '')`,
    `create table ledger_transaction (
       id bigint generated always as identity primary key,
       source_type text not null check (source_type in ('recharge', 'usage')),
       source_id text not null,
       kind text not null check (kind in ('credit', 'credit_suspense', 'charge', 'charge_expired', 'charge_late')),
       created_at timestamptz not null,
       unique (source_type, source_id, kind)
     )`,
    // No foreign key to ledger_account: each insert would lock the one row of revenue (FOR KEY SHARE) and make it hot.
    // Entries are inserted by a join with that table, and its rows are never deleted.
    `create table ledger_entry (
       transaction_id bigint not null references ledger_transaction,
       ledger_account_id bigint not null,
       ${currencyColumn},
       amount bigint not null check (amount <> 0),
       primary key (transaction_id, ledger_account_id)
     )`,
    'create index ledger_entry_account on ledger_entry (ledger_account_id)',
    `create table balance (
       account_id text primary key,
       ledger_account_id bigint not null unique references ledger_account,
       ${currencyColumn},
       available bigint not null default 0,
       held bigint not null default 0 check (held >= 0),
       -- A day: the moment is in account_tombstone, beside the account that this row must not lead back to.
       erased_on date,
       retained_until date
     )`,
    `create function refuse_change() returns trigger language plpgsql as $$
     begin
       raise exception '% of % is refused: it is append-only', tg_op, tg_table_name using errcode = 'ML001';
     end $$`,
    `create trigger append_only before update or delete or truncate on ledger_entry for each statement execute function refuse_change()`,
    `create trigger append_only before update or delete or truncate on ledger_transaction for each statement execute function refuse_change()`,
    `create trigger never_deleted before delete or truncate on ledger_account for each statement execute function refuse_change()`,
    `create function refuse_unbalanced() returns trigger language plpgsql as $$
     begin
       if (select sum(amount) <> 0 from ledger_entry where transaction_id = new.transaction_id) then
         raise exception 'ledger transaction % does not sum to zero', new.transaction_id using errcode = 'ML002';
       end if;
       return null;
     end $$`,
    `create constraint trigger sums_to_zero after insert on ledger_entry deferrable initially deferred
       for each row execute function refuse_unbalanced()`,
    // The last line behind the guard of createHold: reserving never takes the available money below zero. Settling may (arrears).
    `create function refuse_overdraft() returns trigger language plpgsql as $$
     begin
       raise exception 'a hold may not take the available balance below zero' using errcode = 'ML003';
     end $$`,
    `create trigger never_overdrawn_by_a_hold before update of available, held on balance for each row
       when (new.held > old.held and new.available < 0) execute function refuse_overdraft()`,
  ]);
};
