// Weibo, OAuth 2.0: https://open.weibo.com/wiki/Oauth2/access_token, …/get_token_info, …/revokeoauth2, …/2/users/show. No refresh tokens.
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { commonFaults } from '../../control/faults.ts';
import { createPart } from '../../control/part.ts';
import { sameText } from '../../crypto/same-text.ts';
import { createGrants } from '../grants.ts';
import { loginPage, type Parameters, sendBack, textOf, withQuery } from '../login-page.ts';
import { digitId, type LoginPerson } from '../people.ts';
import { createApps, exactly } from '../registrations.ts';
import { mountStandIn, ownError, type StandInDeps } from '../stand-in.ts';

const faults = z.strictObject({
  ...commonFaults,
  tokenError: ownError,
  profileError: ownError,
  /** get_token_info says that the token is another app's or another person's. */
  tokenInfo: z.enum(['other_app', 'other_user']).optional(),
  /** users/show speaks of another person. */
  otherUser: z.boolean().optional(),
});
const errors: Record<number, [word: string, text: string]> = {
  10001: ['system error', 'System error'],
  21322: ['redirect_uri_mismatch', 'redirect_uri_mismatch'],
  21323: ['invalid_request', 'miss client id or secret'],
  21324: ['invalid_client', 'client_id or client_secret is invalid'],
  21325: ['invalid_grant', 'invalid authorization code'],
  21327: ['expired_token', 'token is expired'],
  21328: ['unsupported_grant_type', 'unsupported grant type'],
  21329: ['unsupported_response_type', 'unsupported response type'],
  21330: ['access_denied', 'user denied your request.'],
  21332: ['invalid_access_token', 'invalid access token'],
};
const lifeSeconds = 157_679_999;
type Grant = { clientId: string; redirectUri: string; person: LoginPerson };
export const weiboUid = (person: LoginPerson) => `1${digitId(9, 'weibo', person.key)}`;

export const weiboRoutes = async (app: FastifyInstance, deps: StandInDeps) => {
  const part = createPart('weibo', 'Weibo login', faults);
  const apps = createApps(app, deps, 'weibo');
  const grants = createGrants<Grant>({ now: deps.now, codeMs: 300_000, tokenMs: lifeSeconds * 1000 });
  const errorOf = (code: number, request: string) => {
    const [error, error_description] = errors[code] ?? ['unknown', 'unknown error'];
    return { error, error_code: code, request, error_uri: request, error_description };
  };
  const sendError = (reply: FastifyReply, code: number, path: string) =>
    reply.code(code === 21327 || code === 21332 ? 403 : 400).send(errorOf(code, path));
  const parametersOf = (request: { query: unknown; body: unknown }): Parameters => ({
    ...(request.query as Parameters),
    ...((request.body as Parameters | undefined) ?? {}),
  });

  await mountStandIn(
    app,
    { deps, part, render: (reply, status) => reply.code(status).send(errorOf(10001, '/')) },
    (scope) => {
      loginPage<{ clientId: string; redirectUri: string; state: string | undefined }>(scope, {
        path: '/weibo/oauth2/authorize',
        title: '微博登录',
        check: (parameters) => {
          const found = apps.find((a) => a.clientId === textOf(parameters, 'client_id'));
          if (!found) return { kind: 'refused', reason: 'error:invalid_client 21324' };
          const redirectUri = textOf(parameters, 'redirect_uri');
          if (!redirectUri || !exactly(found, redirectUri))
            return { kind: 'refused', reason: 'error:redirect_uri_mismatch 21322' };
          const state = textOf(parameters, 'state');
          if ((textOf(parameters, 'response_type') ?? 'code') !== 'code')
            return {
              kind: 'back',
              to: withQuery(redirectUri, { error: 'unsupported_response_type', error_code: '21329', state }),
            };
          return { kind: 'ok', request: { clientId: found.clientId, redirectUri, state } };
        },
        finish: (reply, { state, ...request }, person) =>
          sendBack(
            reply,
            withQuery(
              request.redirectUri,
              person
                ? { state, code: grants.newCode({ ...request, person }) }
                : {
                    state,
                    error_uri: '/oauth2/authorize',
                    error: 'access_denied',
                    error_description: 'user denied your request.',
                    error_code: '21330',
                  },
            ),
          ),
      });

      scope.post('/weibo/oauth2/access_token', async (request, reply) => {
        const path = '/oauth2/access_token';
        const asked = part.faults.take('tokenError');
        if (asked) return sendError(reply, asked.code, path);
        const parameters = parametersOf(request);
        const client = apps.find((a) => a.clientId === textOf(parameters, 'client_id'));
        const secret = textOf(parameters, 'client_secret');
        if (!secret) return sendError(reply, 21323, path);
        if (!client || !sameText(client.clientSecret, secret)) return sendError(reply, 21324, path);
        if (parameters.grant_type !== 'authorization_code') return sendError(reply, 21328, path);
        if (!exactly(client, parameters.redirect_uri)) return sendError(reply, 21322, path);
        const redeemed = grants.redeem(
          parameters.code,
          (grant) => grant.clientId === client.clientId && grant.redirectUri === parameters.redirect_uri,
        );
        if (redeemed.kind !== 'ok') return sendError(reply, 21325, path);
        return {
          access_token: grants.newToken(redeemed.grant),
          remind_in: String(lifeSeconds),
          expires_in: lifeSeconds,
          uid: weiboUid(redeemed.grant.person),
          isRealName: 'true',
        };
      });

      scope.post('/weibo/oauth2/get_token_info', async (request, reply) => {
        const grant = grants.byToken(parametersOf(request).access_token);
        if (!grant) return sendError(reply, 21332, '/oauth2/get_token_info');
        const { tokenInfo } = part.faults.current();
        // Numbers here, although the token reply has the same uid as a string.
        return {
          uid: Number(weiboUid(grant.person)) + (tokenInfo === 'other_user' ? 1 : 0),
          appkey: Number(grant.clientId) + (tokenInfo === 'other_app' ? 1 : 0),
          scope: null,
          create_at: Math.floor(deps.now().getTime() / 1000),
          expire_in: lifeSeconds,
        };
      });

      scope.get<{ Querystring: Parameters }>('/weibo/2/users/show.json', async ({ query }, reply) => {
        const asked = part.faults.take('profileError');
        if (asked) return sendError(reply, asked.code, '/2/users/show.json');
        const grant = grants.byToken(query.access_token);
        if (!grant || query.uid !== weiboUid(grant.person)) return sendError(reply, 21332, '/2/users/show.json');
        const id = Number(weiboUid(grant.person)) + (part.faults.current().otherUser ? 1 : 0);
        return { id, idstr: String(id), screen_name: grant.person.name, name: grant.person.name };
      });

      const revoke = (parameters: Parameters, reply: FastifyReply) =>
        grants.endToken(parameters.access_token)
          ? reply.send({ result: 'true' })
          : sendError(reply, 21332, '/oauth2/revokeoauth2');
      scope.post('/weibo/oauth2/revokeoauth2', async (request, reply) => revoke(parametersOf(request), reply));
      scope.get('/weibo/oauth2/revokeoauth2', async (request, reply) => revoke(parametersOf(request), reply));
    },
  );
  return part;
};
