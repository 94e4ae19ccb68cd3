// QQ Connect, OAuth 2.0: https://wiki.connect.qq.com/使用authorization_code获取access_token, …/unionid介绍, …/公共返回码说明, …/get_user_info.
// The token comes as a query string and everything else inside callback( … ); unless fmt=json is asked for.
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { commonFaults } from '../../control/faults.ts';
import { createPart } from '../../control/part.ts';
import { randomText } from '../../crypto/random.ts';
import { sameText } from '../../crypto/same-text.ts';
import { html } from '../../http/html.ts';
import { sendPage } from '../../http/page.ts';
import { createGrants } from '../grants.ts';
import { loginPage, type Parameters, sendBack, textOf, withQuery } from '../login-page.ts';
import { hexId, type LoginPerson } from '../people.ts';
import { createApps, samePathOrBelow } from '../registrations.ts';
import { mountStandIn, ownError, type StandInDeps } from '../stand-in.ts';

const faults = z.strictObject({
  ...commonFaults,
  tokenError: ownError,
  meError: ownError,
  /** `ret` of get_user_info. */
  userInfoError: ownError,
  /** Old forms in spite of fmt=json. */
  ignoreFormat: z.boolean().optional(),
  /** The permission for unionid was not granted: 100048. */
  noUnionIdPermission: z.boolean().optional(),
  /** `me` says that the token belongs to another app. */
  otherApp: z.boolean().optional(),
  /** A computer's page closes; a phone's goes back with usercancel. */
  refusal: z.enum(['stay', 'back']).optional(),
});
const errors: Record<number, string> = {
  100001: 'param client_id is wrong or lost',
  100004: 'param grant_type is wrong or lost',
  100008: 'client_id is illegal',
  100009: 'client_secret is wrong',
  100010: 'redirect uri is illegal',
  100013: 'access token is illegal',
  100016: 'access token check failed',
  100019: 'code to access token error',
  100020: 'code is reused error',
  100048: 'the app has no permission for unionid',
};
const lifeSeconds = 7_776_000;
type Grant = { clientId: string; redirectUri: string; person: LoginPerson };
type Query = { Querystring: Parameters };

export const qqRoutes = async (app: FastifyInstance, deps: StandInDeps) => {
  const part = createPart('qq', 'QQ login', faults);
  const apps = createApps(app, deps, 'qq');
  const grants = createGrants<Grant>({ now: deps.now, codeMs: 600_000, tokenMs: lifeSeconds * 1000 });
  const openIdOf = (clientId: string, person: LoginPerson) => hexId(32, 'qq open', clientId, person.key).toUpperCase();

  const wrapped = (body: object) => `callback( ${JSON.stringify(body)} );\n`;
  const json = (query: Parameters) => query.fmt === 'json' && !part.faults.current().ignoreFormat;
  const send = (reply: FastifyReply, query: Parameters, body: object, plain = wrapped(body)) =>
    reply.type('text/html').send(json(query) ? JSON.stringify(body) : plain);
  const sendError = (reply: FastifyReply, query: Parameters, code: number) =>
    send(reply, query, { error: code, error_description: errors[code] ?? 'unknown error' });

  await mountStandIn(
    app,
    { deps, part, render: (reply, status) => reply.code(status).type('text/html').send('<h1>502 Bad Gateway</h1>') },
    (scope) => {
      loginPage<{ clientId: string; redirectUri: string; state: string }>(scope, {
        path: '/qq/oauth2.0/authorize',
        title: 'QQ登录',
        check: (parameters) => {
          const found = apps.find((a) => a.clientId === textOf(parameters, 'client_id'));
          if (!found) return { kind: 'refused', reason: `${errors[100008]}(100008)` };
          const redirectUri = textOf(parameters, 'redirect_uri');
          if (!redirectUri || !samePathOrBelow(found, redirectUri))
            return { kind: 'refused', reason: `${errors[100010]}(100010)` };
          const state = textOf(parameters, 'state');
          if (textOf(parameters, 'response_type') !== 'code' || !state)
            return { kind: 'refused', reason: 'response_type or state is wrong or lost (100000)' };
          return { kind: 'ok', request: { clientId: found.clientId, redirectUri, state } };
        },
        finish: (reply, { state, ...request }, person) => {
          if (person)
            return sendBack(
              reply,
              withQuery(request.redirectUri, { code: grants.newCode({ ...request, person }), state }),
            );
          if (part.faults.current().refusal === 'stay')
            return sendPage(reply, { title: 'QQ登录', body: html`<h1>QQ登录</h1><p>已取消</p>` });
          return sendBack(reply, withQuery(request.redirectUri, { usercancel: '1', state }));
        },
      });

      scope.get<Query>('/qq/oauth2.0/token', async ({ query }, reply) => {
        const asked = part.faults.take('tokenError');
        if (asked) return sendError(reply, query, asked.code);
        const client = apps.find((a) => a.clientId === textOf(query, 'client_id'));
        if (!client) return sendError(reply, query, 100008);
        if (!sameText(client.clientSecret, textOf(query, 'client_secret') ?? ''))
          return sendError(reply, query, 100009);
        if (query.grant_type !== 'authorization_code') return sendError(reply, query, 100004);
        const redeemed = grants.redeem(
          query.code,
          (grant) => grant.clientId === client.clientId && grant.redirectUri === query.redirect_uri,
        );
        if (redeemed.kind !== 'ok') return sendError(reply, query, redeemed.kind === 'used' ? 100020 : 100019);
        // expires_in is a string in both forms.
        const body = {
          access_token: grants.newToken(redeemed.grant),
          expires_in: String(lifeSeconds),
          refresh_token: randomText(32),
        };
        return send(reply, query, body, new URLSearchParams(body).toString());
      });

      scope.get<Query>('/qq/oauth2.0/me', async ({ query }, reply) => {
        const asked = part.faults.take('meError');
        if (asked) return sendError(reply, query, asked.code);
        const grant = grants.byToken(query.access_token);
        if (!grant) return sendError(reply, query, 100016);
        const { noUnionIdPermission, otherApp } = part.faults.current();
        if (query.unionid === '1' && noUnionIdPermission) return sendError(reply, query, 100048);
        return send(reply, query, {
          client_id: otherApp ? '100000000' : grant.clientId,
          openid: openIdOf(grant.clientId, grant.person),
          ...(query.unionid === '1' && { unionid: `UID_${hexId(32, 'qq union', grant.person.key).toUpperCase()}` }),
        });
      });

      scope.get<Query>('/qq/user/get_user_info', async ({ query }, reply) => {
        const answer = (ret: number, msg: string) => reply.type('text/html').send(JSON.stringify({ ret, msg }));
        const asked = part.faults.take('userInfoError');
        if (asked) return answer(asked.code, 'unknown error');
        const grant = grants.byToken(query.access_token);
        if (!grant) return answer(-1, "client request's parameters are invalid, invalid openid");
        if (query.oauth_consumer_key !== grant.clientId || query.openid !== openIdOf(grant.clientId, grant.person))
          return answer(-23, 'token is invalid');
        return reply
          .type('text/html')
          .send(JSON.stringify({ ret: 0, msg: '', is_lost: 0, nickname: grant.person.name, gender: '男' }));
      });
    },
  );
  return part;
};
