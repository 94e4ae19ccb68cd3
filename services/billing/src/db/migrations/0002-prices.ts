import { statements } from '@meridian/kit/db/statements.ts';
import type { Migration } from 'kysely/migration';

/** Versions are never changed: a charge names the version it was made with. */
export const prices = (currency: string): Migration =>
  statements([
    `create table price (
       model text not null,
       version integer not null check (version > 0),
       prompt_per_million bigint not null check (prompt_per_million >= 0),
       cached_per_million bigint not null check (cached_per_million >= 0),
       completion_per_million bigint not null check (completion_per_million >= 0),
       currency text not null check (currency = '${currency}'),
       rounding text not null check (rounding = 'half_even'),
       effective_from timestamptz not null,
       primary key (model, version)
     )`,
    `create trigger append_only before update or delete or truncate on price for each statement execute function refuse_change()`,
  ]);
