// Sign in by an account elsewhere: leave, come back, fetch the tokens.
import {
  beginLogin,
  completeLogin,
  loginCallback,
  loginCallbackForm,
  phoneBindingRequired,
} from '@meridian/contracts/identity-logins.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { FastifyReply } from 'fastify';
import { networkOf } from '../codes/network.ts';
import type { IdentityDeps } from '../deps.ts';
import type { LoginProvider } from '../providers/login-provider.ts';
import { createRefreshCookies } from '../sessions/refresh-cookie.ts';
import { refuseUncompleted } from '../sessions/refuse-uncompleted.ts';
import { createTokenAnswers, noStore } from '../sessions/token-answer.ts';
import { beginLogin as begin } from './begin-login.ts';
import { completeLogin as complete } from './complete-login.ts';
import { findProvider, singleFields, singleTexts } from './find-provider.ts';
import { bindBrowser, browserHashesOf, readBrowser } from './login-cookies.ts';
import { receiveCallback } from './receive-callback.ts';

export const loginSignInRoutes = (deps: IdentityDeps): void => {
  const { publicServer, db, region } = deps;
  const cookies = createRefreshCookies(region.profile);
  const answerOf = createTokenAnswers(deps, cookies);

  route(publicServer, beginLogin, async ({ params, body, headers, reply }) => {
    const provider = findProvider(deps, params.provider);
    cookies.assertOrigin(headers.origin);
    const browser = bindBrowser(reply, provider.callback);
    const begun = await begin(deps, { provider, purpose: 'sign_in', returnTo: body.returnTo, browser });
    return { status: 201, body: begun, headers: noStore };
  });

  const comeBack = async (
    reply: FastifyReply,
    provider: LoginProvider,
    callback: LoginProvider['callback'],
    read: () => Readonly<Record<string, string>>,
  ) => {
    // An answer in the wrong form is not the provider's: it finds no browser, so no flow, and nothing of it is read.
    const browser = provider.callback === callback ? readBrowser(reply, callback) : undefined;
    const parameters = browser === undefined ? {} : read();
    const location = await receiveCallback(deps, { provider, parameters, browser });
    return { status: 303 as const, headers: { location, ...noStore } };
  };
  route(publicServer, loginCallback, async ({ params, query, reply }) =>
    comeBack(reply, findProvider(deps, params.provider), 'query', () => singleTexts(query)),
  );
  route(publicServer, loginCallbackForm, async ({ params, body, reply }) =>
    comeBack(reply, findProvider(deps, params.provider), 'form_post', () => singleFields(body)),
  );

  route(publicServer, completeLogin, async ({ body, ip, headers, reply, userAgent }) => {
    cookies.assertOrigin(headers.origin);
    const { delivery = 'body', code, termsVersion } = body;
    const deviceId = delivery === 'cookie' ? cookies.deviceId(reply) : body.deviceId;
    const caller = { network: networkOf(ip), delivery, device: deps.deviceOf({ userAgent, headers, deviceId }) };
    const browserHashes = browserHashesOf(reply);
    const completed = await db.transaction((tx) => complete(tx, deps, { code, browserHashes, termsVersion, caller }));
    if (completed.outcome === 'phone_binding')
      return fail(phoneBindingRequired, {
        detail: 'Send a code to the number by /v1/logins/binding/codes, confirm it at /v1/logins/binding',
        bindingToken: completed.bindingToken,
        expiresAt: completed.expiresAt.toISOString(),
        helpCentre: region.profile.links.helpCentre,
      });
    if (completed.outcome === 'second_factor') return refuseUncompleted(completed);
    return {
      status: 201,
      body: { ...(await answerOf(reply, delivery, completed)), created: completed.created },
      headers: noStore,
    };
  });
};
