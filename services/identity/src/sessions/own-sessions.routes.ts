// Where an account is signed in: list, sign out one, sign out everywhere; and the fresh proof within a session.
import { accountCancelled, notFound } from '@meridian/contracts/common.ts';
import {
  codeInvalid,
  endAllSessions,
  endOneSession,
  listSessions,
  reauthenticate,
  secondFactorRequired,
} from '@meridian/contracts/identity.ts';
import { pageFrom, readCursor, timePlace } from '@meridian/kit/http/page.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import { lockStatus } from '../account/account.store.ts';
import { checkCode } from '../codes/check-code.ts';
import { consumeCode } from '../codes/code.store.ts';
import { networkOf } from '../codes/network.ts';
import { blindIndexesOf } from '../contacts/contact.store.ts';
import type { IdentityDeps } from '../deps.ts';
import { withFactor } from '../factors/check-factor.ts';
import { secondFactorsOf } from '../factors/factor.store.ts';
import { wallProof } from '../factors/wall-proof.ts';
import { dropBegun } from '../recovery/drop-begun.ts';
import { assertLongBound } from './assert-long-bound.ts';
import { endSession } from './end-session.ts';
import { endSessions } from './end-sessions.ts';
import { livingSessions, setProven } from './session.store.ts';
import { proofMs } from './session.ts';

const place = timePlace('ses');

export const ownSessionRoutes = (deps: IdentityDeps): void => {
  const { publicServer, db, now } = deps;

  route(publicServer, listSessions, async ({ auth, query }) => {
    const after = readCursor(place, query.cursor);
    const found = await livingSessions(db.read, auth.accountId, { after, limit: query.limit + 1, now: now() });
    const { rows, next } = pageFrom(found, query.limit, place, (row) => ({ at: row.created_at, id: row.id }));
    return {
      status: 200,
      body: {
        items: rows.map((row) => ({
          sessionId: row.id,
          current: row.id === auth.sessionId,
          method: row.method,
          device: row.device,
          place: row.place,
          createdAt: row.created_at.toISOString(),
          lastSeenAt: (row.last_seen_at ?? row.created_at).toISOString(),
        })),
        next,
      },
    };
  });

  route(publicServer, endOneSession, async ({ auth, params, ip }) => {
    deps.wall(params.sessionId);
    const ended = await db.transaction((tx) =>
      endSession(tx, deps, { ...auth, sessionId: params.sessionId, reason: 'signed_out', network: networkOf(ip) }),
    );
    return ended ? { status: 204 } : fail(notFound, { detail: 'The account has no such session, or it has ended' });
  });

  route(publicServer, endAllSessions, async ({ auth, query, ip }) => {
    const { accountId, sessionId } = auth;
    const ended = await db.transaction(async (tx) => {
      if ((await lockStatus(tx, accountId, 'update')) !== 'active') return fail(accountCancelled);
      await dropBegun(tx, accountId, now());
      const except = query.except === 'current' ? { except: sessionId } : {};
      return endSessions(tx, deps, { accountId, ...except, reason: 'signed_out', network: networkOf(ip) });
    });
    return { status: 200, body: { ended } };
  });

  route(publicServer, reauthenticate, async ({ auth, body, ip }) => {
    wallProof(deps, body);
    const at = now();
    const network = networkOf(ip);
    const provenUntil = new Date(at.getTime() + proofMs).toISOString();
    if (body.method !== 'code') {
      await assertLongBound(db.read, deps, auth.accountId, body);
      await withFactor(deps, { accountId: auth.accountId, factor: body, network }, (tx) =>
        setProven(tx, auth.sessionId, at),
      );
      return { status: 200, body: { provenUntil } };
    }
    // Whoever reads the person's messages must not get past the factor that was set against just that.
    if ((await secondFactorsOf(db.read, auth.accountId)).length > 0)
      return fail(secondFactorRequired, { detail: 'Prove yourself with the second factor' });
    await assertLongBound(db.read, deps, auth.accountId, body);
    const identifierHashes = await blindIndexesOf(db.read, auth.accountId);
    const { codeId, code } = body;
    await checkCode(deps, { codeId, purpose: 'reauthenticate', identifierHashes, code, network });
    await db.transaction(async (tx) => {
      if (!(await consumeCode(tx, codeId, 'reauthenticate', at))) fail(codeInvalid);
      await setProven(tx, auth.sessionId, at);
    });
    return { status: 200, body: { provenUntil } };
  });
};
