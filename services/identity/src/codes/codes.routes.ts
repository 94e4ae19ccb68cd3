// POST /v1/codes.
import { sendCode } from '@meridian/contracts/identity.ts';
import { route } from '@meridian/kit/http/route.ts';
import { withCaptcha } from '../captcha/with-captcha.ts';
import type { IdentityDeps } from '../deps.ts';
import { acceptIdentifier } from './accept-identifier.ts';
import { refuseLimited } from './refuse-limited.ts';
import { sendCode as send } from './send-code.ts';

export const codeRoutes = (deps: IdentityDeps): void => {
  const { publicServer, db, region, delivery } = deps;
  const sendDeps = { ...deps, region: region.id };

  route(publicServer, sendCode, async ({ body, ip }) => {
    const identifier = acceptIdentifier(region.profile.registration, body.identifier);
    const attempt = (personShown: boolean) =>
      db.transaction((tx) => send(tx, sendDeps, { identifier, purpose: body.purpose, ip, personShown }));
    const sent = await withCaptcha(deps, body.captchaToken, attempt);
    if (sent.outcome === 'limited') return refuseLimited(deps, sent);
    const { codeId, expiresAt, resendAfter, message } = sent;
    if (message !== undefined) delivery.hand(identifier.method, { ...message, codeId });
    return {
      status: 202,
      body: { codeId, expiresAt: expiresAt.toISOString(), resendAfter: resendAfter.toISOString() },
    };
  });
};
