// SQL of messages on their way.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { Kysely } from 'kysely';
import type { IdentitySchema } from '../db/schema.ts';
import { type Language, type NoticeKind, noticeBackOff } from './notice.ts';

type Transaction = Tx<IdentitySchema>;

export const insertNotice = async (
  tx: Transaction,
  notice: {
    id: string;
    accountId: string;
    kind: NoticeKind;
    channel: 'phone' | 'email';
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

/** Takes up to 20 that are due and books their next attempt; what was tried often enough is deleted. */
export const claimNotices = async (tx: Transaction, now: Date) => {
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
      'wrapped',
    ])
    .where('next_attempt_at', '<=', now)
    .orderBy('next_attempt_at')
    .limit(20)
    .forUpdate('notice')
    .skipLocked()
    .execute();
  for (const { id, attempts } of due) {
    const wait = noticeBackOff(attempts + 1);
    if (wait === undefined) await tx.deleteFrom('notice').where('id', '=', id).execute();
    else
      await tx
        .updateTable('notice')
        .set({ attempts: attempts + 1, next_attempt_at: new Date(now.getTime() + wait * 1_000) })
        .where('id', '=', id)
        .execute();
  }
  return due;
};

export const deleteNotice = async (db: Kysely<IdentitySchema>, id: string): Promise<void> => {
  await db.deleteFrom('notice').where('id', '=', id).execute();
};
