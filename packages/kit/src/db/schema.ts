// The tables of kit in every service's database, as kysely types. A service's `Schema = KitSchema & {...}`.
import type { ColumnType, Generated, GeneratedAlways } from 'kysely';

type Timestamp = ColumnType<Date, Date | string, Date | string>;
type GeneratedTimestamp = ColumnType<Date, Date | string | undefined, Date | string>;
type Json<T> = ColumnType<T, string, string>;

/**
 * parked: waits for a decision; held: an earlier event is missing; unknown: waits for a version that knows its type; replaying: to be applied by the
 * running consumer; the rest is final.
 */
export type ParkedState = 'parked' | 'held' | 'unknown' | 'replaying' | 'applied' | 'discarded';

export interface KitSchema {
  outbox: {
    id: GeneratedAlways<bigint>;
    event_id: string;
    account_id: string;
    type: string;
    payload: string;
    created_at: GeneratedTimestamp;
  };
  published_event: {
    event_id: string;
    position: bigint;
    account_id: string;
    type: string;
    payload: string;
    created_at: Timestamp;
    published_at: Timestamp;
  };
  account_sequence: { account_id: string; seq: bigint };
  inbox: { consumer: string; event_id: string; received_at: GeneratedTimestamp };
  inbox_sequence: { consumer: string; source: string; account_id: string; seq: bigint };
  parked_event: {
    id: GeneratedAlways<bigint>;
    /** Order of replay within an account. */
    position: Generated<bigint>;
    consumer: string;
    event_id: string;
    account_id: string;
    source: string;
    type: string;
    seq: bigint | null;
    payload: string;
    state: ParkedState;
    error: string;
    attempts: number;
    parked_at: GeneratedTimestamp;
    decided_at: Timestamp | null;
    decided_by: string | null;
    reason: string | null;
  };
  idempotency_key: {
    scope: string;
    key: string;
    request_hash: string;
    state: 'running' | 'done';
    status: number | null;
    body: string | null;
    created_at: GeneratedTimestamp;
    expires_at: Timestamp;
  };
  account_fence: { account_id: string; saga_id: string; fenced_at: Timestamp };
  /** Sessions that ended while their access tokens were still valid; `session_id` is empty for "all begun before". */
  not_before: { account_id: string; session_id: string; ended_at: Timestamp; recorded_at: GeneratedTimestamp };
  account_tombstone: {
    account_id: string;
    saga_id: string;
    erased_at: Timestamp;
    receipt: Json<ErasureReceipt>;
  };
}

/** What one service kept of a cancelled account, why (legal basis) and until when (RFC 3339 date). */
export type Retained = { class: string; count: number; basis: string; until: string };
export type ErasureReceipt = { erased: Record<string, number>; retained: Retained[] };
