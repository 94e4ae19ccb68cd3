// The job that sends what owners are told. Claimed before it is sent: a crash costs a repeated message, never a lost one.
import type { IdentityDeps } from '../deps.ts';
import { claimNotices, deleteNotice } from './notice.store.ts';
import { type NoticeKind, noticeText } from './notice.ts';

export const sendNotices = async ({ db, now, vault, region, delivery, log }: IdentityDeps): Promise<void> => {
  for (const row of await db.transaction((tx) => claimNotices(tx, now()))) {
    const key = vault.unwrap(row.account_id, row.wrapped);
    const to = vault.open(key, row.id, row.sealed_to);
    const extra = row.sealed_extra === null ? undefined : vault.open(key, `${row.id} extra`, row.sealed_extra);
    const { helpCentre } = region.profile.links;
    const message = noticeText(row.kind as NoticeKind, row.language, { at: row.happened_at, helpCentre, extra });
    const sent = await delivery.notify(row.channel === 'phone' ? 'phone_code' : 'email_code', {
      ...message,
      to,
      id: row.id,
    });
    if (sent) await deleteNotice(db.read, row.id);
    else log.warn({ notice: row.id, kind: row.kind, attempts: row.attempts + 1 }, 'a notice could not be sent');
  }
};
