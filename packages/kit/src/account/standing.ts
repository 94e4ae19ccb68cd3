// Whether the holder of a valid access token still has a session and an account here. Fed by identity's events, read on every request.
import { accountCancelled, unauthenticated } from '@meridian/contracts/common.ts';
import { sessionRevoked } from '@meridian/contracts/events/lifecycle.ts';
import { sql } from 'kysely';
import type { Database } from '../db/database.ts';
import type { KitSchema } from '../db/schema.ts';
import { type Reaction, reaction } from '../events/reaction.ts';
import type { UserAuth } from '../http/authenticate.ts';
import { fail } from '../http/problems.ts';
import { timeOfId } from '../ids.ts';

/** Rows outlive the longest access token (5 minutes) many times over. */
const keptMs = 3_600_000;

/** Fills the table of not-before times; every service that listens to identity has it. */
export const sessionEnds = <S extends KitSchema>(): Reaction<S> =>
  reaction<S, typeof sessionRevoked>(sessionRevoked, async (tx, { accountId, data }) => {
    await sql`
      insert into not_before (account_id, session_id, ended_at) values (${accountId}, ${data.sessionId ?? ''}, ${data.endedAt})
      on conflict (account_id, session_id) do update set ended_at = greatest(not_before.ended_at, excluded.ended_at), recorded_at = now()`.execute(
      tx,
    );
  });

/**
 * Throws 403 `account_cancelled` for a fenced account and 401 `unauthenticated` for an ended session. One statement, against this service's
 * own tables. Sessions are ended by id, or by the time their id was drawn at: to the millisecond, where a token's `iat` has seconds only.
 */
export const refuseEnded = async <S extends KitSchema>(
  db: Database<S>,
  { accountId, sessionId }: UserAuth,
): Promise<void> => {
  const { rows } = await sql<{ fenced: boolean; ended: boolean }>`
    select exists (select from account_fence where account_id = ${accountId}) as fenced,
      exists (
        select from not_before where account_id = ${accountId}
        and (session_id = ${sessionId} or (session_id = '' and ended_at > ${timeOfId(sessionId) ?? new Date(0)}))
      ) as ended`.execute(db.read);
  if (rows[0]?.fenced) fail(accountCancelled, { detail: 'The account is cancelled' });
  if (rows[0]?.ended) fail(unauthenticated, { detail: 'The session has ended; sign in again' });
};

/** Deletes what no living token needs, at most `limit` rows; answers whether there may be more. */
export const cleanSessionEnds = async <S extends KitSchema>(
  db: Database<S>,
  now: Date,
  limit = 1_000,
): Promise<boolean> => {
  const { numAffectedRows } = await sql`delete from not_before where ctid in (
      select ctid from not_before where recorded_at < ${new Date(now.getTime() - keptMs)} limit ${limit} for update skip locked)`.execute(
    db.read,
  );
  return numAffectedRows === BigInt(limit);
};
