// The job that sends what owners are told. Deleted after it was sent: a crash costs a repeated message, never a lost one.
import { bookAnyway, refund, reserve } from '../codes/limit.store.ts';
import { noticeWindows, type Rule } from '../codes/limits.ts';
import { totalRule } from '../codes/send-code.ts';
import { digest } from '../crypto/mac.ts';
import type { IdentityDeps } from '../deps.ts';
import { staffRecoveryMs } from '../recovery/recovery.ts';
import { markHeard } from '../recovery/ticket.store.ts';
import { ticketTimes } from '../recovery/ticket.ts';
import { claimNotice, type DueNotice, deleteNotice, putOff } from './notice.store.ts';
import {
  longestHoldSeconds,
  maxUnanswered,
  type NoticeChannel,
  type NoticeKind,
  noticeBackOff,
  noticeLifeMs,
  noticeText,
} from './notice.ts';

/** Of one run; what is left is due at the next. */
const batch = 20;

/**
 * What holds a notice back. SMS cost: they count against the account's own limit and the spend breaker of the region, as codes do. The one with
 * the code that stops a recovery never waits, or whoever fills a limit could keep it from the owner: it was counted when its ticket was opened.
 */
const limitsOf = (
  { codeSecrets, sendLimits }: IdentityDeps,
  { account_id: accountId, channel, kind }: DueNotice,
): readonly Rule[] => {
  if (channel !== 'phone' || kind === 'recovery_started') return [];
  const own = { scope: codeSecrets.accountScope('notices', accountId), slotSeconds: 1, windows: noticeWindows };
  return [own, totalRule(sendLimits)];
};

/** Seconds to wait; counted when there are none. */
const holdOf = async (
  { db, sendLimits, codesStopped }: IdentityDeps,
  limits: readonly Rule[],
  at: Date,
): Promise<number | undefined> => {
  if (limits.length === 0) return undefined;
  return db.transaction(async (tx) => {
    const wait = await reserve(tx, limits, at);
    const peek = { ...totalRule(sendLimits), peek: true } as const;
    if (wait !== undefined && (await reserve(tx, [peek], at)) !== undefined) codesStopped();
    return wait;
  });
};

/** A text of its own is news as long as it is good for something. */
const lifeOf = ({ region }: Pick<IdentityDeps, 'region'>, { kind, happened_at: at }: DueNotice): Date => {
  if (kind === 'recovery_started') return ticketTimes(region.profile.recovery, at).expiresAt;
  return new Date(at.getTime() + (kind === 'recovery_offered' ? staffRecoveryMs : noticeLifeMs));
};

const giveUp = ({ db, log }: IdentityDeps, { id, kind, attempts }: DueNotice, why: string): Promise<void> => {
  log.error({ notice: id, kind, attempts }, `a notice is given up: ${why}`);
  return deleteNotice(db.read, id);
};

/** An attempt that failed, and another one later. What was refused cost nothing; without an answer the SMS may have left. */
const tryLater = async (
  deps: IdentityDeps,
  row: DueNotice,
  { outcome, limits, at }: { outcome: 'refused' | 'unanswered'; limits: readonly Rule[]; at: Date },
): Promise<void> => {
  const { db, now, sendLimits, log } = deps;
  const { id, kind, channel } = row;
  const attempts = row.attempts + 1;
  const unanswered = row.unanswered + (outcome === 'unanswered' ? 1 : 0);
  log.warn({ notice: id, kind, attempts, outcome }, 'a notice could not be sent');
  if (outcome === 'refused') for (const limit of limits) await refund(db.read, limit, at);
  else if (channel === 'phone' && limits.length === 0) {
    if (unanswered >= maxUnanswered) return giveUp(deps, { ...row, attempts }, 'it may have arrived many times');
    await db.transaction((tx) => bookAnyway(tx, [totalRule(sendLimits)], now()));
  }
  return putOff(db.read, { id, attempts, unanswered, seconds: noticeBackOff(attempts), now: now() });
};

const sendOne = async (deps: IdentityDeps, row: DueNotice): Promise<void> => {
  const { db, now, vault, region, delivery, log } = deps;
  const { id, kind, attempts, unanswered } = row;
  if (lifeOf(deps, row) <= now()) return giveUp(deps, row, 'it waited for too long');
  const limits = limitsOf(deps, row);
  const at = now();
  const hold = await holdOf(deps, limits, at);
  if (hold !== undefined) {
    log.warn({ notice: id, kind }, 'a notice by SMS waits: too many were sent');
    // No attempt was made, so none is counted.
    return putOff(db.read, { id, attempts, unanswered, seconds: Math.min(hold, longestHoldSeconds), now: now() });
  }
  const key = vault.unwrap(row.account_id, row.wrapped);
  const to = vault.open(key, id, row.sealed_to);
  const extra = row.sealed_extra === null ? undefined : vault.open(key, `${id} extra`, row.sealed_extra);
  const { helpCentre } = region.profile.links;
  const message = noticeText(kind as NoticeKind, row.language, { at: row.happened_at, helpCentre, extra });
  const method = row.channel === 'phone' ? 'phone_code' : 'email_code';
  const outcome = await delivery.notify(method, { ...message, to, id });
  if (outcome !== 'taken') return tryLater(deps, row, { outcome, limits, at });
  return db.transaction(async (tx) => {
    await deleteNotice(tx, id);
    if (kind === 'recovery_started' && extra !== undefined) await markHeard(tx, digest(extra), now());
  });
};

/** One run for one channel: a provider that hangs holds up no other. */
export const sendNotices = async (deps: IdentityDeps, channel: NoticeChannel): Promise<void> => {
  for (let sent = 0; sent < batch; sent += 1) {
    const row = await deps.db.transaction((tx) => claimNotice(tx, channel, deps.now()));
    if (row === undefined) return;
    await sendOne(deps, row);
  }
};
