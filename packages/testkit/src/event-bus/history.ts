// The checker: reads what was committed and what took effect, and names every broken promise.
import type { Database } from '@meridian/kit/db/database.ts';
import type { KitSchema } from '@meridian/kit/db/schema.ts';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** A committed change of the publishing service, in commit order per account. */
export type Change = { eventId: string; accountId: string; n: number };
/** A committed effect in the consuming service, in commit order per account. */
export type Effect = { eventId: string; accountId: string; n: number; seq: number };

export type HistorySchema = KitSchema & {
  change: { event_id: string; account_id: string; n: number };
  effect: { event_id: string; account_id: string; n: number; seq: number };
};

// `effect` has no unique key on purpose: a second effect must be possible to be seen.
export const historyMigrations: Record<string, Migration> = {
  '0001-history': {
    up: async (db) => {
      await sql`create table change (id bigint generated always as identity, event_id text not null, account_id text not null, n int not null)`.execute(
        db,
      );
      await sql`create table effect (id bigint generated always as identity, event_id text not null, account_id text not null, n int not null, seq int not null)`.execute(
        db,
      );
    },
  },
};

export const readChanges = async (db: Database<HistorySchema>): Promise<Change[]> =>
  (
    await sql<Change>`select event_id as "eventId", account_id as "accountId", n from change order by id`.execute(
      db.read,
    )
  ).rows;
export const readEffects = async (db: Database<HistorySchema>): Promise<Effect[]> =>
  (
    await sql<Effect>`select event_id as "eventId", account_id as "accountId", n, seq from effect order by id`.execute(
      db.read,
    )
  ).rows;

/** Every broken promise: loss, an effect without its change, a second effect, order, gaps of the sequence. Empty when all were kept. */
export const checkHistory = (changes: readonly Change[], effects: readonly Effect[]): string[] => {
  const broken: string[] = [];
  const changed = new Set(changes.map((change) => change.eventId));
  const counts = new Map<string, number>();
  for (const { eventId } of effects) counts.set(eventId, (counts.get(eventId) ?? 0) + 1);
  for (const { eventId, n } of changes)
    if (!counts.has(eventId)) broken.push(`lost: change ${n} (${eventId}) has no effect`);
  for (const [eventId, count] of counts) {
    if (!changed.has(eventId)) broken.push(`invented: ${eventId} has an effect and no change`);
    if (count > 1) broken.push(`twice: ${eventId} took effect ${count} times`);
  }
  for (const [accountId, own] of Map.groupBy(effects, (effect) => effect.accountId))
    for (let i = 1; i < own.length; i += 1) {
      const before = own[i - 1];
      const after = own[i];
      if (!before || !after) continue;
      if (after.n <= before.n) broken.push(`order: ${accountId} saw ${after.n} after ${before.n}`);
      if (after.seq !== before.seq + 1)
        broken.push(`sequence: ${accountId} saw number ${after.seq} after ${before.seq}`);
    }
  return broken;
};
