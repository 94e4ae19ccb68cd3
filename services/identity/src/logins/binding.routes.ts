// Where the region binds phones: a proven login that nobody has waits for one. The binding token reaches these two addresses only.
import { confirmBinding, sendBindingCode } from '@meridian/contracts/identity-logins.ts';
import { route } from '@meridian/kit/http/route.ts';
import { withCaptcha } from '../captcha/with-captcha.ts';
import { acceptIdentifier } from '../codes/accept-identifier.ts';
import { checkCode } from '../codes/check-code.ts';
import { networkOf } from '../codes/network.ts';
import { refuseLimited } from '../codes/refuse-limited.ts';
import { sendCode } from '../codes/send-code.ts';
import type { IdentityDeps } from '../deps.ts';
import { createRefreshCookies } from '../sessions/refresh-cookie.ts';
import { refuseUncompleted } from '../sessions/refuse-uncompleted.ts';
import { createTokenAnswers, noStore } from '../sessions/token-answer.ts';
import { bindPhone } from './bind-phone.ts';
import { browserHashesOf } from './login-cookies.ts';
import { findBinding } from './login-flow.store.ts';
import { hashOf } from './login-secrets.ts';
import { refuseFlow } from './take-proven.ts';

export const bindingRoutes = (deps: IdentityDeps): void => {
  const { publicServer, db, region, delivery: sender } = deps;
  const { registration } = region.profile;
  const cookies = createRefreshCookies(region.profile);
  const answerOf = createTokenAnswers(deps, cookies);
  const sendDeps = { ...deps, region: region.id };
  const bindingOf = async (token: string, browserHashes: readonly string[]) =>
    (await findBinding(db.read, { tokenHash: hashOf(token), browserHashes, now: deps.now() })) ?? refuseFlow(deps);

  route(publicServer, sendBindingCode, async ({ body, ip, headers, reply }) => {
    cookies.assertOrigin(headers.origin);
    const identifier = acceptIdentifier(registration, body.identifier);
    const bindingId = await bindingOf(body.bindingToken, browserHashesOf(reply));
    // The code stands under the binding's id, so that it proves the phone to this binding and to nothing else.
    const sent = await withCaptcha(deps, body.captchaToken, (personShown) =>
      db.transaction((tx) =>
        sendCode(tx, sendDeps, { identifier, purpose: 'bind', ip, personShown, accountId: bindingId }),
      ),
    );
    if (sent.outcome === 'limited') return refuseLimited(deps, sent);
    const { codeId, expiresAt, resendAfter, message } = sent;
    if (message !== undefined) sender.hand(identifier.method, { ...message, codeId });
    return {
      status: 202,
      body: { codeId, expiresAt: expiresAt.toISOString(), resendAfter: resendAfter.toISOString() },
    };
  });

  route(publicServer, confirmBinding, async ({ body, ip, headers, reply, userAgent }) => {
    deps.wall(body.codeId);
    cookies.assertOrigin(headers.origin);
    const { delivery = 'body', bindingToken, codeId, code, termsVersion } = body;
    const phone = acceptIdentifier(registration, body.identifier);
    const network = networkOf(ip);
    const browserHashes = browserHashesOf(reply);
    const bindingId = await bindingOf(bindingToken, browserHashes);
    const identifierHashes = [deps.codeSecrets.identifierHash(phone.kind, phone.value)];
    await checkCode(deps, { codeId, purpose: 'bind', identifierHashes, code, network, bindingId });
    const deviceId = delivery === 'cookie' ? cookies.deviceId(reply) : body.deviceId;
    const caller = { network, delivery, device: deps.deviceOf({ userAgent, headers, deviceId }) };
    const bound = await db.transaction((tx) =>
      bindPhone(tx, deps, { bindingToken, browserHashes, phone, codeId, termsVersion, caller }),
    );
    // A new account has no second factor; said for the compiler.
    if (bound.outcome === 'second_factor') return refuseUncompleted(bound);
    return { status: 201, body: { ...(await answerOf(reply, delivery, bound)), created: true }, headers: noStore };
  });
};
