// Use case: exchange a refresh token for its successor.
import type { Tx } from '@meridian/kit/db/database.ts';
import { lockStatus } from '../account/account.store.ts';
import type { IdentitySchema, SessionDelivery } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { endSession } from './end-session.ts';
import { accountOfSession, lockFamily, rotateFamily } from './session.store.ts';
import { idleUntil, judgeToken } from './session.ts';

type Deps = Pick<IdentityDeps, 'now' | 'refreshTokens' | 'publish'>;

export type Refreshed =
  /** The transaction must be committed all the same: a reuse ends the session. */
  | { readonly outcome: 'refused' }
  | {
      readonly outcome: 'refreshed';
      readonly accountId: string;
      readonly sessionId: string;
      readonly refreshToken: string;
      readonly refreshExpiresAt: Date;
    };

export const refreshSession = async (
  tx: Tx<IdentitySchema>,
  deps: Deps,
  { refreshToken, delivery, network }: { refreshToken: string; delivery: SessionDelivery; network: string },
): Promise<Refreshed> => {
  const now = deps.now();
  const sessionId = deps.refreshTokens.familyOf(refreshToken);
  const accountId = sessionId && (await accountOfSession(tx, sessionId));
  if (sessionId === undefined || accountId === undefined) return { outcome: 'refused' };
  // Account before session, as in a cancellation: one order of locks, and a cancellation under way is waited for.
  if ((await lockStatus(tx, accountId, 'share')) !== 'active') return { outcome: 'refused' };
  const family = await lockFamily(tx, sessionId);
  // A token that was given to a browser in its cookie is never taken from a body: a script that got hold of it could not use it.
  if (family === undefined || family.delivery !== delivery) return { outcome: 'refused' };

  const presentedHash = deps.refreshTokens.hash(refreshToken);
  const verdict = judgeToken(family, presentedHash, now);
  if (verdict === 'over') return { outcome: 'refused' };
  if (verdict === 'reuse') {
    await endSession(tx, deps, { accountId, sessionId, reason: 'reuse', network });
    return { outcome: 'refused' };
  }
  const successor = deps.refreshTokens.successor(refreshToken);
  if (verdict === 'repeat')
    return { outcome: 'refreshed', accountId, sessionId, refreshToken: successor, refreshExpiresAt: family.idleUntil };
  const refreshExpiresAt = idleUntil(now, family.expiresAt);
  const successorHash = deps.refreshTokens.hash(successor);
  const rotated = await rotateFamily(tx, {
    sessionId,
    parentHash: presentedHash,
    successorHash,
    idleUntil: refreshExpiresAt,
    now,
  });
  return rotated
    ? { outcome: 'refreshed', accountId, sessionId, refreshToken: successor, refreshExpiresAt }
    : { outcome: 'refused' };
};
