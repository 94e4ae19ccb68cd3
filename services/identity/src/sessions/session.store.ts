// SQL of sessions.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { TimePlace } from '@meridian/kit/http/page.ts';
import type { Kysely } from 'kysely';
import type { AccountStatus, EndReason, IdentitySchema, SessionDelivery } from '../db/schema.ts';
import type { Device } from './device.ts';
import type { Family } from './session.ts';

type Transaction = Tx<IdentitySchema>;

export const insertSession = async (
  tx: Transaction,
  session: {
    id: string;
    accountId: string;
    method: string;
    createdAt: Date;
    tokenHash: string;
    idleUntil: Date;
    expiresAt: Date;
    delivery: SessionDelivery;
    device: Device;
  },
): Promise<void> => {
  await tx
    .insertInto('session')
    .values({
      id: session.id,
      account_id: session.accountId,
      method: session.method,
      created_at: session.createdAt,
      token_hash: session.tokenHash,
      idle_until: session.idleUntil,
      expires_at: session.expiresAt,
      delivery: session.delivery,
      device: session.device.name,
      place: session.device.place,
      last_seen_at: session.createdAt,
      proven_at: session.createdAt,
    })
    .execute();
};

export const accountOfSession = async (tx: Transaction, sessionId: string): Promise<string | undefined> =>
  (await tx.selectFrom('session').select('account_id').where('id', '=', sessionId).executeTakeFirst())?.account_id;

/** The family with its row locked: whoever ends it before us wins, whoever comes after waits. */
export const lockFamily = (tx: Transaction, sessionId: string): Promise<Family | undefined> =>
  tx
    .selectFrom('session')
    .select([
      'token_hash as tokenHash',
      'parent_hash as parentHash',
      'rotated_at as rotatedAt',
      'idle_until as idleUntil',
      'expires_at as expiresAt',
      'ended_at as endedAt',
      'delivery',
    ])
    .where('id', '=', sessionId)
    .forUpdate()
    .executeTakeFirst();

/** Replaces the current token by its successor; false when it is not the current one of a living family any more. */
export const rotateFamily = async (
  tx: Transaction,
  rotation: { sessionId: string; parentHash: string; successorHash: string; idleUntil: Date; now: Date },
): Promise<boolean> => {
  const { sessionId, parentHash, successorHash, now } = rotation;
  const result = await tx
    .updateTable('session')
    .set({
      token_hash: successorHash,
      parent_hash: parentHash,
      rotated_at: now,
      last_seen_at: now,
      idle_until: rotation.idleUntil,
    })
    .where('id', '=', sessionId)
    .where('token_hash', '=', parentHash)
    .where('ended_at', 'is', null)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
};

/** Ends a session; false when it had ended before or is of another account. */
export const endSessionRow = async (
  tx: Transaction,
  { sessionId, accountId, reason, now }: { sessionId: string; accountId: string; reason: EndReason; now: Date },
): Promise<boolean> => {
  const result = await tx
    .updateTable('session')
    .set({ ended_at: now, ended_reason: reason })
    .where('id', '=', sessionId)
    .where('account_id', '=', accountId)
    .where('ended_at', 'is', null)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
};

const living = (db: Kysely<IdentitySchema>, accountId: string, now: Date) =>
  db
    .selectFrom('session')
    .where('account_id', '=', accountId)
    .where('ended_at', 'is', null)
    .where('idle_until', '>', now)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc');

/** Living sessions of the account beyond the `keep` newest. */
export const oldestBeyond = async (tx: Transaction, accountId: string, keep: number, now: Date): Promise<string[]> =>
  (
    await living(tx as unknown as Kysely<IdentitySchema>, accountId, now)
      .select('id')
      .offset(keep)
      .limit(100)
      .execute()
  ).map((row) => row.id);

export const livingSessions = (
  db: Kysely<IdentitySchema>,
  accountId: string,
  { after, limit, now }: { after: TimePlace | undefined; limit: number; now: Date },
) =>
  living(db, accountId, now)
    .select(['id', 'method', 'device', 'place', 'created_at', 'last_seen_at'])
    .$if(after !== undefined, (query) =>
      query.where((e) =>
        e.or([
          e('created_at', '<', after?.at ?? now),
          e.and([e('created_at', '=', after?.at ?? now), e('id', '<', after?.id ?? '')]),
        ]),
      ),
    )
    .limit(limit)
    .execute();

export const setProven = async (tx: Transaction, sessionId: string, now: Date): Promise<void> => {
  await tx.updateTable('session').set({ proven_at: now }).where('id', '=', sessionId).execute();
};

/** When the person of a living session was last proven; the row is locked against its end. */
export const provenAt = async (tx: Transaction, sessionId: string): Promise<Date | null> =>
  (
    await tx
      .selectFrom('session')
      .select('proven_at')
      .where('id', '=', sessionId)
      .where('ended_at', 'is', null)
      .forShare()
      .executeTakeFirst()
  )?.proven_at ?? null;

export const provenAfterSignIn = async (tx: Transaction, sessionId: string): Promise<boolean> =>
  (await tx
    .selectFrom('session')
    .select('id')
    .where('id', '=', sessionId)
    .whereRef('proven_at', '>', 'created_at')
    .executeTakeFirst()) !== undefined;

export const endSessionsOf = async (tx: Transaction, accountId: string, now: Date): Promise<void> => {
  await tx
    .updateTable('session')
    .set({ ended_at: now, ended_reason: 'cancelled' })
    .where('account_id', '=', accountId)
    .where('ended_at', 'is', null)
    .execute();
};

/** What a user's token is checked against on every request. */
export const findStanding = (
  db: Kysely<IdentitySchema>,
  sessionId: string,
  accountId: string,
): Promise<{ status: AccountStatus; endedAt: Date | null } | undefined> =>
  db
    .selectFrom('session')
    .innerJoin('account', 'account.id', 'session.account_id')
    .select(['account.status', 'session.ended_at as endedAt'])
    .where('session.id', '=', sessionId)
    .where('account.id', '=', accountId)
    .executeTakeFirst();
