// Sign in, refresh, sign out.
import { accountCancelled } from '@meridian/contracts/common.ts';
import {
  codeInvalid,
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
import { settleDoubt } from '../recovery/second-proof.ts';
import { endSession as end } from './end-session.ts';
import { openSession } from './open-session.ts';
import { createRefreshCookies } from './refresh-cookie.ts';
import { refreshSession as refresh } from './refresh-session.ts';
import { regionOfRefreshToken } from './refresh-token.ts';
import { refuseUncompleted } from './refuse-uncompleted.ts';
import { createTokenAnswers, noStore } from './token-answer.ts';

export const sessionRoutes = (deps: IdentityDeps): void => {
  const { publicServer, db, region } = deps;
  const { registration } = region.profile;
  const cookies = createRefreshCookies(region.profile);
  const answerOf = createTokenAnswers(deps, cookies);

  route(publicServer, createSession, async ({ body, ip, headers, reply, userAgent }) => {
    deps.wall(body.codeId);
    const { delivery = 'body' } = body;
    if (delivery === 'cookie') cookies.assertOrigin(headers.origin);
    const identifier = acceptIdentifier(registration, body.identifier);
    const network = networkOf(ip);
    const identifierHashes = [deps.codeSecrets.identifierHash(identifier.kind, identifier.value)];
    await checkCode(deps, { codeId: body.codeId, purpose: 'login', identifierHashes, code: body.code, network });
    const deviceId = delivery === 'cookie' ? cookies.deviceId(reply) : body.deviceId;
    const device = deps.deviceOf({ userAgent, headers, deviceId });
    const opened = await db.transaction((tx) =>
      openSession(tx, deps, {
        codeId: body.codeId,
        identifier,
        termsVersion: body.termsVersion,
        caller: { network, delivery, device },
      }),
    );
    if (opened.outcome === 'code_used')
      return fail(codeInvalid, { detail: 'This code was just used; ask for a new one' });
    if (opened.outcome === 'account_cancelled')
      return fail(accountCancelled, { detail: 'Its erasure is under way; register anew afterwards' });
    if (opened.outcome === 'second_factor') return refuseUncompleted(opened);
    const started =
      opened.outcome === 'second_proof' ? await settleDoubt(deps, opened, { network, delivery, device }) : opened;
    return {
      status: 201,
      body: { ...(await answerOf(reply, delivery, started)), created: 'created' in opened && opened.created },
      headers: noStore,
    };
  });

  route(publicServer, refreshSession, async ({ body, ip, headers, reply }) => {
    const delivery = body.refreshToken === undefined ? 'cookie' : 'body';
    if (delivery === 'cookie') cookies.assertOrigin(headers.origin);
    const refreshToken = body.refreshToken ?? cookies.read(reply);
    if (refreshToken === undefined) return fail(refreshInvalid);
    refuseForeign(region.id, regionOfRefreshToken(refreshToken), region.directory);
    const refreshed = await db.transaction((tx) =>
      refresh(tx, deps, { refreshToken, delivery, network: networkOf(ip) }),
    );
    if (refreshed.outcome === 'refused') {
      if (delivery === 'cookie') cookies.clear(reply);
      return fail(refreshInvalid);
    }
    return { status: 200, body: await answerOf(reply, delivery, refreshed), headers: noStore };
  });

  route(publicServer, endSession, async ({ auth, ip, reply }) => {
    await db.transaction((tx) => end(tx, deps, { ...auth, reason: 'signed_out', network: networkOf(ip) }));
    if (cookies.read(reply) !== undefined) cookies.clear(reply);
    return { status: 204 };
  });
};
