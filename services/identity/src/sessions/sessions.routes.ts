// Sign in, refresh, sign out.
import { accountCancelled } from '@meridian/contracts/common.ts';
import {
  codeInvalid,
  consentRequired,
  createSession,
  endSession,
  refreshInvalid,
  refreshSession,
} from '@meridian/contracts/identity.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { refuseForeign } from '@meridian/kit/http/region-wall.ts';
import { route } from '@meridian/kit/http/route.ts';
import { acceptIdentifier } from '../codes/accept-identifier.ts';
import { checkCode } from '../codes/check-code.ts';
import { networkOf } from '../codes/network.ts';
import type { IdentityDeps } from '../deps.ts';
import { userTokenLife } from '../keys/access-token.ts';
import { endSession as end } from './end-session.ts';
import { openSession } from './open-session.ts';
import { refreshSession as refresh } from './refresh-session.ts';
import { regionOfRefreshToken } from './refresh-token.ts';

// RFC 6749 5.1: no cache may keep tokens.
const headers = { 'cache-control': 'no-store' };

export const sessionRoutes = (deps: IdentityDeps): void => {
  const { publicServer, db, region } = deps;
  const { registration } = region.profile;

  const tokensOf = async (session: {
    accountId: string;
    sessionId: string;
    refreshToken: string;
    refreshExpiresAt: Date;
  }) => ({
    accessToken: await deps.accessTokens.forUser(session),
    tokenType: 'Bearer' as const,
    expiresIn: userTokenLife,
    refreshToken: session.refreshToken,
    refreshExpiresAt: session.refreshExpiresAt.toISOString(),
    accountId: session.accountId,
    sessionId: session.sessionId,
  });

  route(publicServer, createSession, async ({ body, ip }) => {
    deps.wall(body.codeId);
    const identifier = acceptIdentifier(registration, body.identifier);
    const network = networkOf(ip);
    const identifierHashes = [deps.codeSecrets.identifierHash(identifier.kind, identifier.value)];
    await checkCode(deps, { codeId: body.codeId, purpose: 'login', identifierHashes, code: body.code, network });
    const opened = await db.transaction((tx) =>
      openSession(tx, deps, { codeId: body.codeId, identifier, termsVersion: body.termsVersion, network }),
    );
    if (opened.outcome === 'consent_required')
      return fail(consentRequired, {
        detail: `Send termsVersion "${registration.termsVersion}" once the person has accepted it`,
      });
    if (opened.outcome === 'code_used')
      return fail(codeInvalid, { detail: 'This code was just used; ask for a new one' });
    if (opened.outcome === 'account_cancelled')
      return fail(accountCancelled, { detail: 'Its erasure is under way; register anew afterwards' });
    return { status: 201, body: { ...(await tokensOf(opened)), created: opened.created }, headers };
  });

  route(publicServer, refreshSession, async ({ body, ip }) => {
    refuseForeign(region.id, regionOfRefreshToken(body.refreshToken), region.directory);
    const refreshed = await db.transaction((tx) =>
      refresh(tx, deps, { refreshToken: body.refreshToken, network: networkOf(ip) }),
    );
    if (refreshed.outcome === 'refused') return fail(refreshInvalid);
    return { status: 200, body: await tokensOf(refreshed), headers };
  });

  route(publicServer, endSession, async ({ auth, ip }) => {
    await db.transaction((tx) => end(tx, deps, { ...auth, network: networkOf(ip) }));
    return { status: 204 };
  });
};
