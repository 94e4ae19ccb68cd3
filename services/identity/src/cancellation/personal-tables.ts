// Every table that can hold something of an account, and what erasing the account means for it.
// A test compares this list with the database: a new table with an account column must be entered here.
import { userScope } from '@meridian/kit/http/idempotency.ts';
import { type Kysely, sql } from 'kysely';
import type { IdentitySchema } from '../db/schema.ts';

export type PersonalTable = {
  readonly table: string;
  /** Column that names the account. */
  readonly column: string;
  /** What stands before the account's id in that column. */
  readonly prefix?: string;
  /** `erased`: no row is left. `kept`: rows stay, for the reason given; none of them holds a contact. */
  readonly fate: 'erased' | 'kept';
  readonly why?: string;
};

export const personalTables: readonly PersonalTable[] = [
  { table: 'account', column: 'id', fate: 'erased' },
  { table: 'consent', column: 'account_id', fate: 'erased' },
  { table: 'account_key', column: 'account_id', fate: 'erased' },
  { table: 'contact', column: 'account_id', fate: 'erased' },
  { table: 'session', column: 'account_id', fate: 'erased' },
  { table: 'cancellation', column: 'account_id', fate: 'erased' },
  { table: 'code', column: 'account_id', fate: 'erased' },
  { table: 'password', column: 'account_id', fate: 'erased' },
  { table: 'totp', column: 'account_id', fate: 'erased' },
  { table: 'recovery_code', column: 'account_id', fate: 'erased' },
  { table: 'recovery', column: 'account_id', fate: 'erased' },
  { table: 'recovery_ticket', column: 'account_id', fate: 'erased' },
  { table: 'pending_sign_in', column: 'account_id', fate: 'erased' },
  { table: 'passkey', column: 'account_id', fate: 'erased' },
  { table: 'passkey_challenge', column: 'account_id', fate: 'erased' },
  { table: 'known_device', column: 'account_id', fate: 'erased' },
  { table: 'linked_login', column: 'account_id', fate: 'erased' },
  { table: 'login_flow', column: 'account_id', fate: 'erased' },
  { table: 'pending_login', column: 'account_id', fate: 'erased' },
  { table: 'offered_email', column: 'account_id', fate: 'erased' },
  { table: 'login_deletion', column: 'account_id', fate: 'erased' },
  { table: 'notice', column: 'account_id', fate: 'erased' },
  // Answers kept for repeated requests; no endpoint of identity is idempotent today.
  { table: 'idempotency_key', column: 'scope', prefix: userScope(''), fate: 'erased' },
  { table: 'not_before', column: 'account_id', fate: 'erased' },
  { table: 'account_fence', column: 'account_id', fate: 'erased' },
  {
    table: 'security_log',
    column: 'account_id',
    fate: 'kept',
    why: 'legal period of the profile, named in the receipt',
  },
  {
    table: 'staff_audit',
    column: 'subject',
    fate: 'kept',
    why: 'what staff did, and why: the same period, named in the receipt; nothing of it can be deleted before',
  },
  { table: 'account_tombstone', column: 'account_id', fate: 'kept', why: 'stops late events; id and day only' },
  { table: 'account_sequence', column: 'account_id', fate: 'kept', why: 'numbers of events must never be used twice' },
  { table: 'inbox_sequence', column: 'account_id', fate: 'kept', why: 'detects repeated and missing events' },
  {
    table: 'parked_event',
    column: 'account_id',
    fate: 'kept',
    why: 'waits for an operator; events hold no personal data',
  },
  { table: 'outbox', column: 'account_id', fate: 'kept', why: 'on its way to the bus; gone within seconds' },
  {
    table: 'published_event',
    column: 'account_id',
    fate: 'kept',
    why: 'sent again if the bus loses it, for 14 days; events hold no personal data',
  },
];

/** Rows left of erased accounts in tables that must hold none, by table. An empty answer is the proof. */
export const sweepLeftovers = async (db: Kysely<IdentitySchema>): Promise<Record<string, number>> => {
  const left: Record<string, number> = {};
  for (const { table, column, prefix = '' } of personalTables.filter((t) => t.fate === 'erased')) {
    const { rows } = await sql<{ count: bigint }>`
      select count(*) as count from ${sql.table(table)} t
      where exists (select from account_tombstone e where ${prefix}::text || e.account_id = ${sql.ref(`t.${column}`)})`.execute(
      db,
    );
    const count = Number(rows[0]?.count ?? 0n);
    if (count > 0) left[table] = count;
  }
  return left;
};
