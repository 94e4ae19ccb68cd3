// What providers send to us unasked, and the page about a deletion that was asked for at one.
import { notFound, unavailable } from '@meridian/contracts/common.ts';
import { getLoginDeletion, loginPush, loginPushHandshake, pushRefused } from '@meridian/contracts/identity-logins.ts';
import { errorCode } from '@meridian/kit/error-code.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { IdentityDeps } from '../deps.ts';
import type { PushRequest } from '../providers/login-provider.ts';
import { deletionPage } from './deletion-page.ts';
import { findProvider, singleTexts } from './find-provider.ts';
import { findDeletion } from './login-push.store.ts';
import { hashOf } from './login-secrets.ts';
import { receivePush } from './receive-push.ts';

export const loginPushRoutes = (deps: IdentityDeps): void => {
  const { publicServer, db, region } = deps;

  const receive = async (name: string, request: PushRequest) => {
    const provider = findProvider(deps, name);
    const { parsePush } = provider;
    if (parsePush === undefined) return fail(notFound, { detail: 'This provider sends nothing' });
    const answer = await receivePush(deps, { ...provider, parsePush }, request).catch((error: unknown) => {
      const code = errorCode(error);
      if (code === 'invalid_callback') {
        deps.log.warn({ provider: name, err: error }, 'a message that is not provably the provider’s was refused');
        return fail(pushRefused);
      }
      // Its keys cannot be had at the moment: the provider sends again.
      if (code === 'provider_unavailable' || code === 'provider_error') {
        deps.log.warn({ provider: name, code, err: error }, 'a message could not be verified');
        return fail(unavailable, { retryAfter: 60 });
      }
      throw error;
    });
    return { status: 200 as const, body: answer.body, headers: { 'content-type': answer.contentType } };
  };
  route(publicServer, loginPush, async ({ params, query, body }) =>
    receive(params.provider, { method: 'POST', query: singleTexts(query), body: body.toString('utf8') }),
  );
  route(publicServer, loginPushHandshake, async ({ params, query }) =>
    receive(params.provider, { method: 'GET', query: singleTexts(query), body: '' }),
  );

  route(publicServer, getLoginDeletion, async ({ params }) => {
    const deletion = await findDeletion(db.read, hashOf(params.code));
    if (deletion === undefined) return fail(notFound, { detail: 'There is no such deletion' });
    const { languages, links } = region.profile;
    return {
      status: 200,
      body: deletionPage(deletion, languages[0] ?? 'en', links.helpCentre),
      headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' },
    };
  });
};
