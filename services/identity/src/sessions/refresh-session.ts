// Use case: exchange a refresh token for its successor.
import type { Tx } from '@meridian/kit/db/database.ts';
import { lockStatus } from '../account/account.store.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { accountOfSession, endSessionRow, lockFamily, rotateFamily } from './session.store.ts';
import { idleUntil, judgeToken } from './session.ts';

type Deps = Pick<IdentityDeps, 'now' | 'refreshTokens'>;

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
  { refreshToken, network }: { refreshToken: string; network: string },
): Promise<Refreshed> => {
  const now = deps.now();
  const sessionId = deps.refreshTokens.familyOf(refreshToken);
  const accountId = sessionId && (await accountOfSession(tx, sessionId));
  if (sessionId === undefined || accountId === undefined) return { outcome: 'refused' };
  // Account before session, as in a cancellation: one order of locks, and a cancellation under way is waited for.
  if ((await lockStatus(tx, accountId, 'share')) !== 'active') return { outcome: 'refused' };
  const family = await lockFamily(tx, sessionId);
  if (family === undefined) return { outcome: 'refused' };

  const presentedHash = deps.refreshTokens.hash(refreshToken);
  const verdict = judgeToken(family, presentedHash, now);
  if (verdict === 'over') return { outcome: 'refused' };
  if (verdict === 'reuse') {
    await endSessionRow(tx, sessionId, 'reuse', now);
    await appendSecurityLog(tx, { at: now, kind: 'refresh_reused', accountId, sessionId, network });
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
