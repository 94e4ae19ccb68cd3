// SQL of messages on their way.
import type { Tx } from '@meridian/kit/db/database.ts';
import { type Kysely, sql } from 'kysely';
import type { IdentitySchema } from '../db/schema.ts';
import { type Language, type NoticeChannel, type NoticeKind, noticeLeaseSeconds } from './notice.ts';

type Transaction = Tx<IdentitySchema>;

export const insertNotice = async (
  tx: Transaction,
  notice: {
    id: string;
    accountId: string;
    kind: NoticeKind;
    channel: NoticeChannel;
    sealedTo: Buffer;
    sealedExtra: Buffer | null;
    language: Language;
    at: Date;
  },
): Promise<void> => {
  await tx
    .insertInto('notice')
    .values({
      id: notice.id,
      account_id: notice.accountId,
      kind: notice.kind,
      channel: notice.channel,
      sealed_to: notice.sealedTo,
      sealed_extra: notice.sealedExtra,
      language: notice.language,
      happened_at: notice.at,
      next_attempt_at: notice.at,
    })
    .execute();
};

/**
 * Takes the one of a channel that is due the longest; what stops a recovery comes first: an owner has little time for it. Nobody else is given it
 * for the time of an attempt; it stays until its outcome is known.
 */
export const claimNotice = async (tx: Transaction, channel: NoticeChannel, now: Date) => {
  const due = await tx
    .selectFrom('notice')
    .innerJoin('account_key', 'account_key.account_id', 'notice.account_id')
    .select([
      'id',
      'notice.account_id',
      'kind',
      'channel',
      'sealed_to',
      'sealed_extra',
      'language',
      'happened_at',
      'attempts',
      'unanswered',
      'wrapped',
    ])
    .where('channel', '=', channel)
    .where('next_attempt_at', '<=', now)
    .orderBy(sql`(kind = 'recovery_started')`, 'desc')
    .orderBy('next_attempt_at')
    .limit(1)
    .forUpdate('notice')
    .skipLocked()
    .executeTakeFirst();
  if (due !== undefined) await putOff(tx, { ...due, seconds: noticeLeaseSeconds, now });
  return due;
};
export type DueNotice = NonNullable<Awaited<ReturnType<typeof claimNotice>>>;

/** `attempts`: those that failed so far; `unanswered`: SMS among them that may have arrived. */
export const putOff = async (
  db: Kysely<IdentitySchema> | Transaction,
  {
    id,
    attempts,
    unanswered,
    seconds,
    now,
  }: { id: string; attempts: number; unanswered: number; seconds: number; now: Date },
): Promise<void> => {
  await db
    .updateTable('notice')
    .set({ attempts, unanswered, next_attempt_at: new Date(now.getTime() + seconds * 1_000) })
    .where('id', '=', id)
    .execute();
};

export const deleteNotice = async (db: Kysely<IdentitySchema> | Transaction, id: string): Promise<void> => {
  await db.deleteFrom('notice').where('id', '=', id).execute();
};
