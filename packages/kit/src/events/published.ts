// Events that the bus has, kept for some days: a broker that comes back empty has lost what its consumers had not read, and only the publisher
// can send it again. Consumers know repeats by their inbox.
import { sql } from 'kysely';
import type pg from 'pg';
import type { Database } from '../db/database.ts';
import type { KitSchema } from '../db/schema.ts';

/** Longer than a broker's disaster goes unnoticed, and than Kafka keeps the offsets of a group that is away (7 days). */
export const keptDays = 14;
/** Bounded, so that no statement holds up the relay. */
const pruneAtOnce = 5_000;
const republishAtOnce = 1_000;

/** Takes rows out of the outbox, on the connection that holds the relay's lock. One statement: a row is never in both tables, and never in none. */
export const moveToPublished = async (client: pg.Client, ids: readonly bigint[]): Promise<void> => {
  await client.query(
    `with moved as (delete from outbox where id = any($1) returning id, event_id, account_id, type, payload, created_at)
     insert into published_event (event_id, position, account_id, type, payload, created_at, published_at)
     select event_id, id, account_id, type, payload, created_at, now() from moved
     on conflict (event_id) do update set published_at = excluded.published_at`,
    [ids],
  );
};

/** Removes what was published more than `keptDays` ago, some thousand rows at most; answers whether there may be more. */
export const prunePublished = async (client: pg.Client): Promise<boolean> => {
  const { rowCount } = await client.query(
    `delete from published_event where event_id in (
       select event_id from published_event where published_at < now() - make_interval(days => $1) order by published_at limit $2)`,
    [keptDays, pruneAtOnce],
  );
  return rowCount === pruneAtOnce;
};

/**
 * Puts published events into the outbox again, in their order, for the running relay to send; new events are sent between them, and each account's
 * order is mended by its sequence at the consumer. Answers how many.
 */
export const republish = async <S extends KitSchema>(
  db: Database<S>,
  of: { since?: Date | undefined; accountId?: string | undefined },
): Promise<number> => {
  // What is published from now on is on the bus.
  const { rows } = await sql<{ last: bigint | null }>`select max(position) as last from published_event`.execute(
    db.read,
  );
  const last = rows[0]?.last ?? 0n;
  let after = 0n;
  let count = 0;
  for (;;) {
    const batch = await db.transaction((tx) =>
      sql<{ position: bigint; queued: bigint }>`
      with chosen as (
        select * from published_event
        where position > ${after} and position <= ${last}
          and (${of.since ?? null}::timestamptz is null or published_at >= ${of.since ?? null}::timestamptz)
          and (${of.accountId ?? null}::text is null or account_id = ${of.accountId ?? null}::text)
        order by position limit ${republishAtOnce}
      ), queued as (
        insert into outbox (event_id, account_id, type, payload)
        select event_id, account_id, type, payload from chosen order by position
        on conflict (event_id) do nothing returning 1
      )
      select max(position) as position, (select count(*) from queued) as queued from chosen having count(*) > 0`.execute(
        tx,
      ),
    );
    const found = batch.rows[0];
    if (!found) return count;
    after = found.position;
    count += Number(found.queued);
  }
};
