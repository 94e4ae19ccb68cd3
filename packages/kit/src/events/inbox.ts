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
};

/** duplicate: seen before; gap: an earlier event of the account is missing; behind: an earlier one is parked; held: later ones wait for this; erased: a tombstone stands. */
export type Verdict = {
  kind: 'duplicate' | 'gap' | 'apply';
  behind: 'parked' | 'replaying' | undefined;
  held: boolean;
  erased: boolean;
};

type Found = {
  fresh: boolean;
  last: bigint | null;
  behind: 'parked' | 'replaying' | null;
  held: boolean;
  erased: boolean;
};

/**
 * Marks the event as received, once per consumer for ever, and advances the account's sequence. In the case of a gap the sequence stays:
 * the event is to be held until the missing one arrives.
 */
export const receive = async <S extends KitSchema>(tx: Tx<S>, receipt: Receipt): Promise<Verdict> => {
  const { consumer, eventId, accountId, source, seq } = receipt;
  const { rows } = await sql<Found>`
    with mark as (
      insert into inbox (consumer, event_id) values (${consumer}, ${eventId}) on conflict do nothing returning 1
    )
    select exists (select 1 from mark) as fresh,
      (select seq from inbox_sequence where consumer = ${consumer} and source = ${source} and account_id = ${accountId}) as last,
      (select state from parked_event where consumer = ${consumer} and account_id = ${accountId} and state in ('parked', 'replaying')
        order by (state = 'parked') desc limit 1) as behind,
      exists (select 1 from parked_event where consumer = ${consumer} and account_id = ${accountId} and state = 'held') as held,
      exists (select 1 from account_tombstone where account_id = ${accountId}) as erased`.execute(tx);
  const found = rows[0];
  if (!found) throw new Error('the inbox gave no answer');
  const verdict = { behind: found.behind ?? undefined, held: found.held, erased: found.erased };
  if (!found.fresh) return { kind: 'duplicate', ...verdict };
  if (seq === undefined) return { kind: 'apply', ...verdict };
  const last = Number(found.last ?? 0n);
  if (seq <= last) return { kind: 'duplicate', ...verdict };
  if (seq > last + 1) return { kind: 'gap', ...verdict };
  await advance(tx, receipt, last, seq);
  return { kind: 'apply', ...verdict };
};

/** Compare and set, so that a member that lost its partition meanwhile cannot go on beside the new one. */
export const advance = async <S extends KitSchema>(
  tx: Tx<S>,
  receipt: Omit<Receipt, 'seq' | 'eventId'>,
  from: number,
  to: number,
) => {
  const { consumer, accountId, source } = receipt;
  const done =
    from === 0
      ? sql`insert into inbox_sequence (consumer, source, account_id, seq) values (${consumer}, ${source}, ${accountId}, ${to}) on conflict do nothing`
      : sql`update inbox_sequence set seq = ${to} where consumer = ${consumer} and source = ${source} and account_id = ${accountId} and seq = ${from}`;
  const { numAffectedRows } = await done.execute(tx);
  if (numAffectedRows !== 1n)
    throw new EventError('event_transient', 'another member of the group handles this account');
};
