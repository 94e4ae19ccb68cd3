// Counts what is limited, in Postgres, so that every replica and every crash sees the same counts.
import type { Tx } from '@meridian/kit/db/database.ts';
import { type Kysely, sql } from 'kysely';
import type { IdentitySchema } from '../db/schema.ts';
import { keptSeconds, type Rule, slotOf, type Used, waitOf } from './limits.ts';

type Transaction = Tx<IdentitySchema>;

/**
 * What is counted under the rules. Each scope is locked until the transaction ends, in the order of its name. Callers never deadlock: none comes with a
 * row for which another waits while it holds the same limit. `total` holds up the whole region: whoever holds it waits for no account.
 */
export const lockUsed = async (tx: Transaction, rules: readonly Rule[], now: Date): Promise<Used[]> => {
  const scopes = [...new Set(rules.map((r) => r.scope))].sort();
  for (const scope of scopes) await sql`select pg_advisory_xact_lock(hashtextextended(${scope}, 20261123))`.execute(tx);
  const pairs = rules.flatMap((rule) => rule.windows.map((window) => ({ scope: rule.scope, seconds: window.seconds })));
  const { rows } = await sql<Used>`
    select w.scope, w.seconds, coalesce(sum(c.count), 0)::integer as used, min(c.slot) as oldest
    from (select distinct * from unnest(${pairs.map((p) => p.scope)}::text[], ${pairs.map((p) => p.seconds)}::integer[])) as w (scope, seconds)
    left join limit_count c
      on c.scope = w.scope and c.count > 0 and c.slot > ${now}::timestamptz - make_interval(secs => w.seconds)
    group by w.scope, w.seconds`.execute(tx);
  return rows;
};

/** Books one hit on every rule that does not only look; the caller holds their locks. */
export const bookAll = async (tx: Transaction, rules: readonly Rule[], now: Date): Promise<void> => {
  for (const rule of rules) if (!rule.peek) await book(tx, rule, now);
};

/** Books one hit on every rule, or on none: answers the seconds to wait when a window is full. Concurrent callers count one after the other. */
export const reserve = async (tx: Transaction, rules: readonly Rule[], now: Date): Promise<number | undefined> => {
  const wait = waitOf(rules, await lockUsed(tx, rules, now), now);
  if (wait === undefined) await bookAll(tx, rules, now);
  return wait;
};

/** Books without asking whether there is room: for what leaves in any case. */
export const bookAnyway = async (tx: Transaction, rules: readonly Rule[], now: Date): Promise<void> => {
  await lockUsed(tx, rules, now);
  await bookAll(tx, rules, now);
};

const book = (tx: Transaction, rule: Rule, now: Date) =>
  tx
    .insertInto('limit_count')
    .values({ scope: rule.scope, slot: slotOf(now, rule.slotSeconds), count: 1 })
    .onConflict((conflict) =>
      conflict.columns(['scope', 'slot']).doUpdateSet((e) => ({ count: e('limit_count.count', '+', 1) })),
    )
    .execute();

/** Takes back one hit booked at `bookedAt`. */
export const refund = async (db: Kysely<IdentitySchema> | Transaction, rule: Rule, bookedAt: Date): Promise<void> => {
  await db
    .updateTable('limit_count')
    .set((e) => ({ count: e('count', '-', 1) }))
    .where('scope', '=', rule.scope)
    .where('slot', '=', slotOf(bookedAt, rule.slotSeconds))
    .where('count', '>', 0)
    .execute();
};

/** Deletes counts that no window looks at any more. */
export const deleteOldCounts = async (db: Kysely<IdentitySchema>, now: Date): Promise<bigint> => {
  const before = new Date(now.getTime() - keptSeconds * 1_000);
  const result = await db.deleteFrom('limit_count').where('slot', '<', before).executeTakeFirst();
  return result.numDeletedRows;
};
