// SQL of the gate: what stops every key of an account at once, at any number of keys. Each reason has a place of its own.
import type { Tx } from '@meridian/kit/db/database.ts';
import { sql } from 'kysely';
import type { Schema } from '../db/schema.ts';

/** Is the account cancelled; holds off its fence until this transaction ends where it is not. */
export const isFenced = async (tx: Tx<Schema>, accountId: string): Promise<boolean> => {
  const { rows } = await sql<{ at: Date | null }>`select account_fenced_at(${accountId}) as at`.execute(tx);
  return (rows[0]?.at ?? null) !== null;
};

/** Closes the gate for good; answers whether it was open. */
export const markCancelled = async (tx: Tx<Schema>, accountId: string, now: Date): Promise<boolean> => {
  const { numAffectedRows } = await sql`
    insert into account_gate (account_id, cancelled_at) values (${accountId}, ${now})
    on conflict (account_id) do update set cancelled_at = excluded.cancelled_at
    where account_gate.cancelled_at is null`.execute(tx);
  return numAffectedRows === 1n;
};

/** Answers whether that changed anything. */
export const markExhausted = async (tx: Tx<Schema>, accountId: string, now: Date): Promise<boolean> => {
  const { numAffectedRows } = await sql`
    insert into account_gate (account_id, exhausted_at) values (${accountId}, ${now})
    on conflict (account_id) do update set exhausted_at = excluded.exhausted_at
    where account_gate.exhausted_at is null`.execute(tx);
  return numAffectedRows === 1n;
};

export const clearExhausted = async (tx: Tx<Schema>, accountId: string): Promise<boolean> => {
  const { numAffectedRows } = await sql`
    update account_gate set exhausted_at = null where account_id = ${accountId} and exhausted_at is not null`.execute(
    tx,
  );
  return numAffectedRows === 1n;
};

export type Protection = { readonly protectionId: string; readonly caseId: string; readonly until: Date };

/** A protection known already, or lifted already, stays as it is. Answers whether it is new. */
export const insertProtection = async (
  tx: Tx<Schema>,
  accountId: string,
  { protectionId, caseId, until }: Protection,
): Promise<boolean> => {
  const { numAffectedRows } = await sql`
    insert into account_protection (protection_id, account_id, case_id, until)
    values (${protectionId}, ${accountId}, ${caseId}, ${until}) on conflict do nothing`.execute(tx);
  return numAffectedRows === 1n;
};

/** Lifts this one protection and no other. */
export const markLifted = async (
  tx: Tx<Schema>,
  accountId: string,
  protectionId: string,
  now: Date,
): Promise<boolean> => {
  const { numAffectedRows } = await sql`
    update account_protection set lifted_at = ${now}
    where protection_id = ${protectionId} and account_id = ${accountId} and lifted_at is null`.execute(tx);
  return numAffectedRows === 1n;
};

/** A freeze known already, or lifted already, stays as it is. Answers whether it is new. */
export const insertFreeze = async (tx: Tx<Schema>, accountId: string, freezeId: string): Promise<boolean> => {
  const { numAffectedRows } = await sql`
    insert into account_freeze (freeze_id, account_id) values (${freezeId}, ${accountId})
    on conflict do nothing`.execute(tx);
  return numAffectedRows === 1n;
};

/** Lifts this one freeze and no other. */
export const markUnfrozen = async (
  tx: Tx<Schema>,
  accountId: string,
  freezeId: string,
  now: Date,
): Promise<boolean> => {
  const { numAffectedRows } = await sql`
    update account_freeze set lifted_at = ${now}
    where freeze_id = ${freezeId} and account_id = ${accountId} and lifted_at is null`.execute(tx);
  return numAffectedRows === 1n;
};

/** Until when plan keys of the account are good; null: no longer. */
export const writePlan = async (tx: Tx<Schema>, accountId: string, planUntil: Date | null): Promise<void> => {
  await sql`
    insert into account_gate (account_id, plan_until) values (${accountId}, ${planUntil}::timestamptz)
    on conflict (account_id) do update set plan_until = excluded.plan_until`.execute(tx);
};

/** Deletes gate, freezes and protections; answers how many of the two there were. */
export const deleteGate = async (
  tx: Tx<Schema>,
  accountId: string,
): Promise<{ protections: number; freezes: number }> => {
  const protections = await tx.deleteFrom('account_protection').where('account_id', '=', accountId).executeTakeFirst();
  const freezes = await tx.deleteFrom('account_freeze').where('account_id', '=', accountId).executeTakeFirst();
  await tx.deleteFrom('account_gate').where('account_id', '=', accountId).execute();
  return { protections: Number(protections.numDeletedRows), freezes: Number(freezes.numDeletedRows) };
};
