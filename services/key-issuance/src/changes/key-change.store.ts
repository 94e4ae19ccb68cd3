// SQL of what gateways must hear of. Positions are given in commit order, so a reader that goes on from the last one it saw skips nothing.

import { affected } from '@meridian/kit/db/affected.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { type Kysely, type Selectable, sql } from 'kysely';
import type { ChangeReason, Schema } from '../db/schema.ts';

export type KeyChange = Selectable<Schema['key_change']>;

/** Takes the lock that orders all changes until commit: call it last in a transaction. */
export const recordChange = async (
  tx: Tx<Schema>,
  change: { accountId: string; keyId: string | null; reason: ChangeReason; now: Date },
): Promise<void> => {
  await sql`
    with head as (update key_change_head set position = position + 1 returning position)
    insert into key_change (position, account_id, key_id, reason, changed_at)
    select position, ${change.accountId}, ${change.keyId}, ${change.reason}, ${change.now}::timestamptz from head`.execute(
    tx,
  );
};

/** One change per key; takes the same lock. */
export const recordRevocations = async (
  tx: Tx<Schema>,
  { accountId, keyIds, now }: { accountId: string; keyIds: readonly string[]; now: Date },
): Promise<void> => {
  await sql`
    with head as (update key_change_head set position = position + ${keyIds.length}::bigint returning position)
    insert into key_change (position, account_id, key_id, reason, changed_at)
    select head.position - ${keyIds.length}::bigint + u.i, ${accountId}, u.key_id, 'revoked', ${now}::timestamptz
    from head, unnest(${[...keyIds]}::text[]) with ordinality as u (key_id, i)`.execute(tx);
};

/** The present position. */
export const headPosition = async (db: Kysely<Schema>): Promise<bigint> => {
  const row = await db.selectFrom('key_change_head').select('position').executeTakeFirstOrThrow();
  return row.position;
};

/** Up to `limit` changes after `after`, in order. */
export const changesAfter = (db: Kysely<Schema>, after: bigint, limit: number): Promise<KeyChange[]> =>
  db.selectFrom('key_change').selectAll().where('position', '>', after).orderBy('position').limit(limit).execute();

/** Deletes at most `limit` changes older than `before`; answers how many. */
export const pruneChanges = (db: Kysely<Schema>, before: Date, limit: number): Promise<number> =>
  affected(
    sql`delete from key_change where ctid = any(array(
      select ctid from key_change where changed_at < ${before} limit ${limit} for update skip locked))`.execute(db),
  );
