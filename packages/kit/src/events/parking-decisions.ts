// What a person decides about parked events. Decisions mark rows; the running consumer, which has the reactions, carries them out.
import { sql } from 'kysely';
import type { Database } from '../db/database.ts';
import type { KitSchema } from '../db/schema.ts';

type Decision = { accountId: string; consumer: string; by: string };

/** Has the running consumer apply the account's parked events again, in order. Returns how many are queued. */
export const replayParked = <S extends KitSchema>(db: Database<S>, decision: Decision): Promise<number> =>
  db.transaction(async (tx) => {
    const { numAffectedRows } = await sql`
      update parked_event set state = 'replaying', decided_by = ${decision.by}, decided_at = now()
      where consumer = ${decision.consumer} and account_id = ${decision.accountId} and state = 'parked'`.execute(tx);
    return Number(numAffectedRows ?? 0n);
  });

/**
 * Accepts that the events missing before held ones will never come: queues the held ones of the account for replay, in order.
 * For use when the loss is explained, e.g. a group that joined after old events were removed from the bus.
 */
export const acceptGap = <S extends KitSchema>(
  db: Database<S>,
  decision: Decision & { reason: string },
): Promise<number> =>
  db.transaction(async (tx) => {
    const { rows } = await sql<{ id: bigint; source: string; seq: bigint }>`
      select id, source, seq from parked_event
      where consumer = ${decision.consumer} and account_id = ${decision.accountId} and state = 'held' order by source, seq for update`.execute(
      tx,
    );
    for (const row of rows) {
      await sql`update parked_event set state = 'replaying', position = nextval('parked_event_position'),
        decided_by = ${decision.by}, decided_at = now(), reason = ${decision.reason} where id = ${row.id}`.execute(tx);
      await sql`insert into inbox_sequence (consumer, source, account_id, seq)
        values (${decision.consumer}, ${row.source}, ${decision.accountId}, ${row.seq})
        on conflict (consumer, source, account_id) do update set seq = greatest(inbox_sequence.seq, excluded.seq)`.execute(
        tx,
      );
    }
    return rows.length;
  });

/** Gives up one parked event for ever; the row stays as the record of who did it and why. False when it is not parked. */
export const discardParked = <S extends KitSchema>(
  db: Database<S>,
  decision: { id: bigint; reason: string; by: string },
): Promise<boolean> =>
  db.transaction(async (tx) => {
    if (decision.reason.trim() === '' || decision.by.trim() === '')
      throw new Error('a discarded event needs a reason and a name');
    const { numAffectedRows } = await sql`
      update parked_event set state = 'discarded', reason = ${decision.reason}, decided_by = ${decision.by}, decided_at = now()
      where id = ${decision.id} and state in ('parked', 'unknown', 'replaying')`.execute(tx);
    return numAffectedRows === 1n;
  });
