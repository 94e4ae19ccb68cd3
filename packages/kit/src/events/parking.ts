// The parking lot: events that cannot be applied now, in order per account, until a person decides or the missing one arrives.
import { sql } from 'kysely';
import type { Database, Tx } from '../db/database.ts';
import type { KitSchema, ParkedState } from '../db/schema.ts';
import { advance } from './inbox.ts';

export type ParkInput = {
  consumer: string;
  eventId: string;
  accountId: string;
  source: string;
  type: string;
  seq: number | undefined;
  payload: string;
  state: 'parked' | 'held' | 'unknown' | 'replaying';
  error: string;
  attempts: number;
};

/** Parks an event, in the transaction of its inbox mark. One that was parked before (and whose mark was pruned) stays as it is. */
export const park = async <S extends KitSchema>(tx: Tx<S>, input: ParkInput): Promise<void> => {
  await sql`insert into parked_event (consumer, event_id, account_id, source, type, seq, payload, state, error, attempts)
    values (${input.consumer}, ${input.eventId}, ${input.accountId}, ${input.source}, ${input.type}, ${input.seq ?? null},
      ${input.payload}, ${input.state}, ${input.error.slice(0, 2_000)}, ${input.attempts})
    on conflict (consumer, event_id) do nothing`.execute(tx);
};

/** After the missing event was received with `seq`: held successors queue up for replay. Returns how many. */
export const releaseHeld = async <S extends KitSchema>(
  tx: Tx<S>,
  of: { consumer: string; accountId: string; source: string },
  seq: number,
): Promise<number> => {
  const { rows } = await sql<{ id: bigint; seq: bigint }>`
    select id, seq from parked_event
    where consumer = ${of.consumer} and account_id = ${of.accountId} and source = ${of.source} and state = 'held' order by seq for update`.execute(
    tx,
  );
  let last = seq;
  for (const row of rows) {
    if (Number(row.seq) !== last + 1) break;
    await sql`update parked_event set state = 'replaying', position = nextval('parked_event_position') where id = ${row.id}`.execute(
      tx,
    );
    last += 1;
  }
  if (last > seq) await advance(tx, of, seq, last);
  return last - seq;
};

/** Whether the account has events before this one that are being replayed, or will be since this version knows their type and an older one did not. */
export const isBehindUnknown = async <S extends KitSchema>(
  tx: Tx<S>,
  { consumer, accountId, known }: { consumer: string; accountId: string; known: ReadonlySet<string> },
): Promise<boolean> => {
  const { rows } = await sql`
    select from parked_event where consumer = ${consumer} and account_id = ${accountId} and state in ('unknown', 'replaying')
      and (state = 'replaying' or type = any(${[...known]})) limit 1`.execute(tx);
  return rows.length > 0;
};

/** Bounded, so that no statement takes long. */
const takeUpAtOnce = 1_000;

/** Queues for replay what an older version did not know and this one does. */
export const takeUpUnknown = async <S extends KitSchema>(
  db: Database<S>,
  { consumer, known }: { consumer: string; known: ReadonlySet<string> },
): Promise<void> => {
  for (let taken = takeUpAtOnce; taken === takeUpAtOnce; ) {
    const { numAffectedRows } = await db.transaction((tx) =>
      sql`update parked_event set state = 'replaying' where id in (
        select id from parked_event where consumer = ${consumer} and state = 'unknown' and type = any(${[...known]})
        limit ${takeUpAtOnce} for update skip locked)`.execute(tx),
    );
    taken = Number(numAffectedRows ?? 0n);
  }
};

export type ParkedEvent = {
  id: bigint;
  consumer: string;
  eventId: string;
  accountId: string;
  source: string;
  type: string;
  seq: number | undefined;
  state: ParkedState;
  error: string;
  attempts: number;
  parkedAt: Date;
  decidedAt: Date | undefined;
  decidedBy: string | undefined;
  reason: string | undefined;
  /** Where it was asked for. */
  payload: string | undefined;
};

export const openStates: readonly ParkedState[] = ['parked', 'held', 'unknown', 'replaying'];

/**
 * Parked events in the order of their replay; open ones unless `states` says otherwise. At most `limit` (default 100, up to 1 000). Payloads may be large:
 * without `payloads: true` they are left out.
 */
export const listParked = async <S extends KitSchema>(
  db: Database<S>,
  filter: {
    consumer?: string;
    accountId?: string;
    states?: readonly ParkedState[];
    limit?: number;
    payloads?: boolean;
  } = {},
): Promise<ParkedEvent[]> => {
  const { rows } = await sql<Omit<ParkedEvent, 'seq' | 'payload'> & { seq: bigint | null; payload: string | null }>`
    select id, consumer, event_id as "eventId", account_id as "accountId", source, type, seq, state, error, attempts, parked_at as "parkedAt",
      decided_at as "decidedAt", decided_by as "decidedBy", reason, case when ${filter.payloads ?? false} then payload end as payload
    from parked_event
    where state = any(${[...(filter.states ?? openStates)]})
      and (${filter.consumer ?? null}::text is null or consumer = ${filter.consumer ?? null})
      and (${filter.accountId ?? null}::text is null or account_id = ${filter.accountId ?? null})
    order by consumer, account_id, position limit ${Math.min(Math.max(filter.limit ?? 100, 1), 1_000)}`.execute(
    db.read,
  );
  return rows.map((row) => ({
    ...row,
    seq: row.seq === null ? undefined : Number(row.seq),
    decidedAt: row.decidedAt ?? undefined,
    decidedBy: row.decidedBy ?? undefined,
    reason: row.reason ?? undefined,
    payload: row.payload ?? undefined,
  }));
};

/** The consumers that have open events of an account. */
export const consumersParking = async <S extends KitSchema>(db: Database<S>, accountId: string): Promise<string[]> => {
  const { rows } = await sql<{ consumer: string }>`
    select distinct consumer from parked_event where account_id = ${accountId} and state = any(${[...openStates]})
    order by consumer`.execute(db.read);
  return rows.map(({ consumer }) => consumer);
};
