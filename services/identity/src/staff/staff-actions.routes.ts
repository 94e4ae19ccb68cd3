// What staff do here besides recoveries: sign out, end sessions, read the audit. Each is recorded in the transaction of its effect.
import { notFound } from '@meridian/contracts/common.ts';
import { staffRoles } from '@meridian/contracts/endpoint.ts';
import {
  endAccountSessions,
  endOwnStaffSessions,
  listStaffAudit,
  signOutStaff,
} from '@meridian/contracts/identity-staff.ts';
import { pageFrom, readCursor } from '@meridian/kit/http/page.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import { lockStatus } from '../account/account.store.ts';
import type { IdentityDeps } from '../deps.ts';
import { deletePendingOf } from '../factors/factor.store.ts';
import { tellOwner } from '../notices/tell-owner.ts';
import { stopRecoveriesOf } from '../recovery/recovery.store.ts';
import { logPlace } from '../security-log/log-place.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { endSessions } from '../sessions/end-sessions.ts';
import { recordStaffAction } from './record-staff-action.ts';
import { auditPage, endTokensOf } from './staff.store.ts';

export const staffActionRoutes = (deps: IdentityDeps): void => {
  const { publicServer, db, now } = deps;

  route(publicServer, endOwnStaffSessions, async ({ auth: { staffId } }) => {
    await db.transaction(async (tx) => {
      await endTokensOf(tx, staffId, now());
      await recordStaffAction(tx, {
        at: now(),
        staffId,
        action: 'signed_out',
        subject: staffId,
        reason: 'own sign-out',
      });
    });
    return { status: 204 };
  });

  route(publicServer, signOutStaff, async ({ auth, params, body }) => {
    deps.wall(params.staffId);
    await db.transaction(async (tx) => {
      if (!(await endTokensOf(tx, params.staffId, now()))) fail(notFound, { detail: 'Nobody has this id' });
      const { reason } = body;
      const done = { at: now(), staffId: auth.staffId, action: 'staff_signed_out', subject: params.staffId, reason };
      await recordStaffAction(tx, done);
    });
    return { status: 204 };
  });

  route(publicServer, endAccountSessions, async ({ auth, body: { accountId, reason } }) => {
    deps.wall(accountId);
    const ended = await db.transaction(async (tx) => {
      if ((await lockStatus(tx, accountId, 'update')) !== 'active')
        fail(notFound, { detail: 'There is no such account, or it is being cancelled' });
      await deletePendingOf(tx, accountId);
      // A ticket may be the owner's; it is staff who decide it.
      await stopRecoveriesOf(tx, accountId, now());
      const count = await endSessions(tx, deps, { accountId, reason: 'staff' });
      await appendSecurityLog(tx, { at: now(), kind: 'session_ended_by_staff', accountId });
      await tellOwner(tx, deps, { accountId, kind: 'sessions_ended' });
      const done = { at: now(), staffId: auth.staffId, action: 'account_sessions_ended', subject: accountId, reason };
      await recordStaffAction(tx, done);
      return count;
    });
    return { status: 200, body: { ended } };
  });

  route(publicServer, listStaffAudit, async ({ query }) => {
    if (query.staffId !== undefined) deps.wall(query.staffId);
    if (query.subject !== undefined) deps.wall(query.subject);
    const after = readCursor(logPlace, query.cursor);
    const found = await auditPage(db.read, {
      ...query,
      staffId: query.staffId,
      subject: query.subject,
      after,
      limit: query.limit + 1,
    });
    const { rows, next } = pageFrom(found, query.limit, logPlace, (row) => ({ at: row.at, id: String(row.id) }));
    const items = rows.map((row) => ({
      at: row.at.toISOString(),
      staffId: row.staff_id,
      action: row.action ?? 'signed_in',
      subject: row.subject,
      reason: row.reason,
      roles: staffRoles.filter((role) => row.roles.includes(role)),
    }));
    return { status: 200, body: { items, next } };
  });
};
