// Jobs beside the requests: fences left open, key rotation, what has outlived its purpose, and the proof that nothing is left.
import { serviceGauge } from '@meridian/kit/telemetry/service-metrics.ts';
import { openSagas } from './cancellation/cancellation.store.ts';
import { overdueMs } from './cancellation/cancellation.ts';
import { sweepFences } from './cancellation/drive-fences.ts';
import { sweepLeftovers } from './cancellation/personal-tables.ts';
import { createErasureProof } from './cancellation/prove-erasure.ts';
import { deleteOldCodes } from './codes/code.store.ts';
import { deleteOldCounts } from './codes/limit.store.ts';
import type { IdentityDeps } from './deps.ts';
import { deleteOldPending } from './factors/factor.store.ts';
import { rotateSigningKeys } from './keys/rotate-signing-keys.ts';
import { noticeChannels } from './notices/notice.ts';
import { sendNotices } from './notices/send-notices.ts';
import { deleteOldChallenges } from './passkeys/passkey.store.ts';
import { deleteOldSessions } from './recovery/last-seen.ts';
import { deleteOldRecoveries } from './recovery/recovery.store.ts';
import { tellOfTickets } from './recovery/tell-of-ticket.ts';
import { deleteOldTickets } from './recovery/ticket.store.ts';
import { deleteExpiredLogs } from './security-log/security-log.store.ts';
import { deleteOldSignIns } from './staff/staff.store.ts';

const minute = 60_000;

export const housekeeping = (deps: IdentityDeps & { readonly signingKeySeal: Buffer }): void => {
  const { every, db, now, log, metrics, region } = deps;
  const sagas = serviceGauge(metrics, {
    name: 'identity_cancellations',
    help: 'Cancellations that have not ended; overdue ones need a person',
    labelNames: ['state'],
  });

  every(500, 'fences', () => sweepFences(deps));
  every(500, 'tickets', () => tellOfTickets(deps));
  for (const channel of noticeChannels) every(500, `notices by ${channel}`, () => sendNotices(deps, channel));
  every(minute, 'signing keys', async () => {
    if (await db.transaction((tx) => rotateSigningKeys(tx, deps))) log.info('another signing key is in use');
  });
  every(minute, 'cancellations', async () => {
    const { open, overdue } = await openSagas(db.read, now(), overdueMs);
    sagas.set({ state: 'open' }, open);
    sagas.set({ state: 'overdue' }, overdue);
    if (overdue > 0) log.error({ overdue }, 'cancellations wait for an answer for more than a day');
  });
  every(10 * minute, 'cleaning', async () => {
    await deleteOldCodes(db.read, now());
    await deleteOldCounts(db.read, now());
    await deleteOldSessions(db.read, now());
    await deleteOldSignIns(db.read, now());
    await deleteOldPending(db.read, now());
    await deleteOldRecoveries(db.read, now());
    await deleteOldTickets(db.read, now());
    await deleteOldChallenges(db.read, now());
    const { months } = region.profile.retention.securityLog;
    // However much has come of age since the last time: a log kept too long breaks what the profile promises.
    while (await db.transaction((tx) => deleteExpiredLogs(tx, now(), months)));
  });
  const sweep = () => sweepLeftovers(db.read);
  every(60 * minute, 'erasure proof', createErasureProof({ sweep, now, log, metrics }));
};
