// POST /v1/codes.
import { codeLimitReached, sendCode } from '@meridian/contracts/identity.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import { assertSolved } from '../captcha/captcha.ts';
import type { IdentityDeps } from '../deps.ts';
import { acceptIdentifier } from './accept-identifier.ts';
import { networkOf } from './network.ts';
import { needsCaptcha, sendCode as send } from './send-code.ts';

export const codeRoutes = (deps: IdentityDeps): void => {
  const { publicServer, db, region, delivery } = deps;
  const sendDeps = { ...deps, region: region.id };

  route(publicServer, sendCode, async ({ body, ip }) => {
    const identifier = acceptIdentifier(region.profile.registration, body.identifier);
    // Asked for before anything of the identifier is looked at: known and unknown meet the same captcha.
    if (await db.transaction((tx) => needsCaptcha(tx, sendDeps, networkOf(ip))))
      await assertSolved(deps.captcha, body.captchaToken);
    const sent = await db.transaction((tx) =>
      send(tx, sendDeps, { identifier, purpose: body.purpose, network: networkOf(ip) }),
    );
    if (sent.outcome === 'limited')
      return fail(codeLimitReached, {
        retryAfter: sent.retryAfter,
        detail: `Wait ${sent.retryAfter} seconds before asking again`,
      });
    const { codeId, expiresAt, resendAfter, message } = sent;
    if (message !== undefined) delivery.hand(identifier.method, { ...message, codeId });
    return {
      status: 202,
      body: { codeId, expiresAt: expiresAt.toISOString(), resendAfter: resendAfter.toISOString() },
    };
  });
};
