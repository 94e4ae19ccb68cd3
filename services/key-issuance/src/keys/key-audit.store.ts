// Who did what to keys and gates, written in the transaction that does it.

import { affected } from '@meridian/kit/db/affected.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { type Insertable, type Kysely, type Selectable, sql } from 'kysely';
import type { Schema } from '../db/schema.ts';

export const audit = async (tx: Tx<Schema>, row: Omit<Insertable<Schema['key_audit']>, 'id'>): Promise<void> => {
  await tx.insertInto('key_audit').values(row).execute();
};

export const countAudit = async (tx: Tx<Schema>, accountId: string): Promise<number> => {
  const { rows } = await sql<{ count: bigint }>`
    select count(*) as count from key_audit where account_id = ${accountId}`.execute(tx);
  return Number(rows[0]?.count ?? 0);
};

/** Deletes at most `limit` rows older than `before`; answers how many. */
export const pruneAudit = (db: Kysely<Schema>, before: Date, limit: number): Promise<number> =>
  affected(
    sql`delete from key_audit where ctid = any(array(
      select ctid from key_audit where at < ${before} limit ${limit} for update skip locked))`.execute(db),
  );

/** Up to `limit` rows before `before`, newest first. */
export const listAudit = (
  db: Kysely<Schema>,
  { accountId, keyId }: { accountId: string; keyId?: string | undefined },
  before: number | undefined,
  limit: number,
): Promise<Selectable<Schema['key_audit']>[]> => {
  let query = db.selectFrom('key_audit').selectAll().where('account_id', '=', accountId);
  if (keyId !== undefined) query = query.where('key_id', '=', keyId);
  if (before !== undefined) query = query.where('id', '<', BigInt(before));
  return query.orderBy('id', 'desc').limit(limit).execute();
};
