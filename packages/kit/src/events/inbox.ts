// The inbox: first statement of a handler's transaction. It answers what must happen with an event, and marks it as received.
import { sql } from 'kysely';
import type { Tx } from '../db/database.ts';
import type { KitSchema } from '../db/schema.ts';
import { EventError } from './event-error.ts';

export type Receipt = {
  consumer: string;
  eventId: string;
  accountId: string;
  source: string;
  /** undefined when the envelope could not be read. */
  seq: number | undefined;
  /** Whether an erasure that is under way is waited for, and a later one waits for this transaction (`holdUnerased`). */
  holdUnerased: boolean;
};

/** duplicate: seen before; late: new, but a later one of its account was handled before it; gap: an earlier event of the account is missing; behind: an earlier one is parked, or waits for a version that knows it; held: later ones wait for this; erased: a tombstone stands. */
export type Verdict = {
  kind: 'duplicate' | 'late' | 'gap' | 'apply';
  behind: 'parked' | 'replaying' | 'unknown' | undefined;
  held: boolean;
  erased: boolean;
};

type Found = {
  fresh: boolean;
  last: bigint;
  moved: boolean;
  behind: 'parked' | 'replaying' | 'unknown' | null;
  held: boolean;
  erased: boolean;
};

/**
 * Marks the event as received, once per consumer for ever, and advances the account's sequence. In the case of a gap the sequence stays:
 * the event is to be held until the missing one arrives.
 */
export const receive = async <S extends KitSchema>(tx: Tx<S>, receipt: Receipt): Promise<Verdict> => {
  const { consumer, eventId, accountId, source, seq, holdUnerased } = receipt;
  // One round trip, planned once: it comes with every event. The sequence moves by compare and set, and only together with a fresh mark.
  const { rows } = await sql<Found>`/* statement: inbox-receive */
    with mark as (
      insert into inbox (consumer, event_id) values (${consumer}, ${eventId}) on conflict do nothing returning 1
    ), before as (
      select coalesce((select seq from inbox_sequence
        where consumer = ${consumer} and source = ${source} and account_id = ${accountId}), 0) as last
    ), moved as (
      insert into inbox_sequence (consumer, source, account_id, seq)
      select ${consumer}, ${source}, ${accountId}, ${seq ?? null}::bigint from mark, before where last + 1 = ${seq ?? null}::bigint
      on conflict (consumer, source, account_id) do update set seq = excluded.seq where inbox_sequence.seq = excluded.seq - 1
      returning 1
    )
    select last, exists (select 1 from mark) as fresh, exists (select 1 from moved) as moved,
      (select state from parked_event where consumer = ${consumer} and account_id = ${accountId} and state in ('parked', 'replaying', 'unknown')
        order by array_position('{parked,replaying,unknown}'::text[], state) limit 1) as behind,
      exists (select 1 from parked_event where consumer = ${consumer} and account_id = ${accountId} and state = 'held') as held,
      case when ${holdUnerased}::boolean then account_erased(${accountId})
        else exists (select 1 from account_tombstone where account_id = ${accountId}) end as erased
    from before`.execute(tx);
  const found = rows[0];
  if (!found) throw new Error('the inbox gave no answer');
  const verdict = { behind: found.behind ?? undefined, held: found.held, erased: found.erased };
  if (!found.fresh) return { kind: 'duplicate', ...verdict };
  if (seq === undefined || found.moved) return { kind: 'apply', ...verdict };
  const last = Number(found.last);
  if (seq <= last) return { kind: 'late', ...verdict };
  if (seq > last + 1) return { kind: 'gap', ...verdict };
  throw raced();
};

const raced = () => new EventError('event_transient', 'another member of the group handles this account');

/** Compare and set, so that a member that lost its partition meanwhile cannot go on beside the new one. */
export const advance = async <S extends KitSchema>(
  tx: Tx<S>,
  receipt: Pick<Receipt, 'consumer' | 'accountId' | 'source'>,
  from: number,
  to: number,
) => {
  const { consumer, accountId, source } = receipt;
  const done =
    from === 0
      ? sql`insert into inbox_sequence (consumer, source, account_id, seq) values (${consumer}, ${source}, ${accountId}, ${to}) on conflict do nothing`
      : sql`update inbox_sequence set seq = ${to} where consumer = ${consumer} and source = ${source} and account_id = ${accountId} and seq = ${from}`;
  const { numAffectedRows } = await done.execute(tx);
  if (numAffectedRows !== 1n) throw raced();
};
