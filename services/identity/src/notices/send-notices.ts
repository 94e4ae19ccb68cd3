// The job that sends what owners are told. Claimed before it is sent: a crash costs a repeated message, never a lost one.
import { reserve } from '../codes/limit.store.ts';
import { noticeWindows } from '../codes/limits.ts';
import { totalRule } from '../codes/send-code.ts';
import type { IdentityDeps } from '../deps.ts';
import { claimNotices, deleteNotice } from './notice.store.ts';
import { type NoticeKind, noticeText } from './notice.ts';

/** SMS cost: they count against the account's own limit and the spend breaker of the region, as codes do. */
const isTooMany = async ({ db, now, codeSecrets, sendLimits, codesStopped }: IdentityDeps, accountId: string) => {
  const own = { scope: codeSecrets.accountScope('notices', accountId), slotSeconds: 1, windows: noticeWindows };
  const total = totalRule(sendLimits);
  return db.transaction(async (tx) => {
    if ((await reserve(tx, [own, total], now())) === undefined) return false;
    if ((await reserve(tx, [{ ...total, peek: true }], now())) !== undefined) codesStopped();
    return true;
  });
};

export const sendNotices = async (deps: IdentityDeps): Promise<void> => {
  const { db, now, vault, region, delivery, log } = deps;
  for (const row of await db.transaction((tx) => claimNotices(tx, now()))) {
    if (row.channel === 'phone' && (await isTooMany(deps, row.account_id))) {
      log.warn({ notice: row.id, kind: row.kind }, 'a notice by SMS waits: too many were sent');
      continue;
    }
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
