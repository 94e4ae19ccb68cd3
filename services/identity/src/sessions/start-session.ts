// Use case: the last step of every way to sign in. The caller has proven the person and locked the account.
import type { Tx } from '@meridian/kit/db/database.ts';
import { newId } from '@meridian/kit/ids.ts';
import { insertConsent } from '../account/account.store.ts';
import { reserve } from '../codes/limit.store.ts';
import { newDeviceWindows } from '../codes/limits.ts';
import type { IdentitySchema, SessionDelivery } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { isKnownDevice, rememberDevice } from '../devices/device.store.ts';
import { tellOwner } from '../notices/tell-owner.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import type { Device } from './device.ts';
import { endSession } from './end-session.ts';
import { insertSession, oldestBeyond } from './session.store.ts';
import { absoluteMs, idleUntil, maxSessions } from './session.ts';

export type StartDeps = Pick<
  IdentityDeps,
  'region' | 'now' | 'vault' | 'refreshTokens' | 'publish' | 'deviceHash' | 'codeSecrets'
>;

/** Who signs in and how; `acceptedTerms` is the version of the terms that was accepted on the way, where one was. */
export type SignIn = {
  readonly accountId: string;
  readonly method: string;
  readonly acceptedTerms?: string | undefined;
  readonly caller: Caller;
};

/** What the front end says of itself; the same for every way to sign in. */
export type Caller = { readonly network: string; readonly delivery: SessionDelivery; readonly device: Device };

export type StartedSession = {
  readonly accountId: string;
  readonly sessionId: string;
  readonly refreshToken: string;
  readonly refreshExpiresAt: Date;
};

export const startSession = async (
  tx: Tx<IdentitySchema>,
  deps: StartDeps,
  { accountId, method, acceptedTerms, caller }: SignIn,
): Promise<StartedSession> => {
  const now = deps.now();
  if (acceptedTerms !== undefined) await insertConsent(tx, { accountId, termsVersion: acceptedTerms, at: now });
  const { network, delivery, device } = caller;
  const deviceHash = deps.deviceHash(accountId, device.key);
  if (!(await isKnownDevice(tx, accountId, deviceHash))) {
    const told = {
      scope: deps.codeSecrets.accountScope('new-device', accountId),
      slotSeconds: 1,
      windows: newDeviceWindows,
    };
    if ((await reserve(tx, [told], now)) === undefined) await tellOwner(tx, deps, { accountId, kind: 'new_device' });
  }
  await rememberDevice(tx, accountId, deviceHash, now);
  for (const sessionId of await oldestBeyond(tx, accountId, maxSessions - 1, now))
    await endSession(tx, deps, { accountId, sessionId, reason: 'too_many', network });

  const sessionId = newId('ses', deps.region.id, now);
  const refreshToken = deps.refreshTokens.first(sessionId);
  const expiresAt = new Date(now.getTime() + absoluteMs);
  const refreshExpiresAt = idleUntil(now, expiresAt);
  const tokenHash = deps.refreshTokens.hash(refreshToken);
  await insertSession(tx, {
    id: sessionId,
    accountId,
    method,
    createdAt: now,
    tokenHash,
    idleUntil: refreshExpiresAt,
    expiresAt,
    delivery,
    device,
  });
  await appendSecurityLog(tx, { at: now, kind: 'signed_in', accountId, sessionId, network, method, device });
  return { accountId, sessionId, refreshToken, refreshExpiresAt };
};
