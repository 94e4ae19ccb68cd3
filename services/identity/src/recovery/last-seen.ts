// When an account was last used by a person. Refreshes touch their session only, so what deleted sessions knew is kept with the account.
import type { Tx } from '@meridian/kit/db/database.ts';
import { type Kysely, sql } from 'kysely';
import type { IdentitySchema } from '../db/schema.ts';

export const lastSeen = async (tx: Tx<IdentitySchema>, accountId: string): Promise<Date> => {
  const { rows } = await sql<{ at: Date }>`
    select greatest(
      a.created_at,
      a.last_seen_at,
      (select max(d.last_seen_at) from known_device d where d.account_id = a.id),
      (select max(coalesce(s.last_seen_at, s.created_at)) from session s where s.account_id = a.id)
    ) as at from account a where a.id = ${accountId}`.execute(tx);
  return rows[0]?.at ?? new Date(0);
};

/** Deletes sessions that ended or went idle over a day ago, and keeps when their accounts were last seen in them. */
export const deleteOldSessions = async (db: Kysely<IdentitySchema>, now: Date): Promise<void> => {
  const before = new Date(now.getTime() - 24 * 3_600_000);
  await sql`
    with gone as (
      delete from session where idle_until < ${before} or ended_at < ${before} returning account_id, last_seen_at
    ), seen as (select account_id, max(last_seen_at) as at from gone group by account_id)
    update account a set last_seen_at = greatest(a.last_seen_at, seen.at) from seen where a.id = seen.account_id`.execute(
    db,
  );
};
