// WeChat login for websites: https://developers.weixin.qq.com/doc/oplatform/Website_App/WeChat_Login/Wechat_Login.html and
// …/Authorized_Interface_Calling_UnionID.md. Parameters are appid and secret, errors come with HTTP 200 as errcode.
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
import type { LoginPerson } from '../people.ts';
import { createApps, sameHost } from '../registrations.ts';
import { mountStandIn, ownError, type StandInDeps } from '../stand-in.ts';
import { wechatOpenId, wechatUnionId } from './ids.ts';
import { wechatPushRoutes } from './push.routes.ts';

const faults = z.strictObject({
  ...commonFaults,
  tokenError: ownError,
  profileError: ownError,
  /** The app is not bound to an Open Platform account: no unionid. */
  noUnionId: z.boolean().optional(),
  /** Userinfo speaks of another person than the token. */
  otherOpenId: z.boolean().optional(),
  /** What a refusal does: the page stays (newer pages), or it goes back with state and no code. */
  refusal: z.enum(['stay', 'back']).optional(),
});
const errors: Record<number, string> = {
  [-1]: 'system error',
  40001: 'invalid credential, access_token is invalid or not latest',
  40002: 'invalid grant_type',
  40003: 'invalid openid',
  40013: 'invalid appid',
  40029: 'invalid code',
  40125: 'invalid appsecret, view more at https://open.weixin.qq.com',
  40163: 'code been used',
  41008: 'missing code',
  42003: 'code expired',
};
type Grant = { appId: string; person: LoginPerson };

export const wechatRoutes = async (app: FastifyInstance, deps: StandInDeps) => {
  const part = createPart('wechat', 'WeChat login for websites', faults);
  const apps = createApps(app, deps, 'wechat');
  const grants = createGrants<Grant>({ now: deps.now, codeMs: 600_000, tokenMs: 7_200_000 });
  /** JSON under a text type, as the original. */
  const send = (reply: FastifyReply, body: object) => reply.type('text/plain').send(JSON.stringify(body));
  const sendError = (reply: FastifyReply, code: number) =>
    send(reply, { errcode: code, errmsg: `${errors[code] ?? 'unknown error'}, rid: ${randomText(8)}` });

  wechatPushRoutes(app, deps, apps);
  await mountStandIn(
    app,
    {
      deps,
      part,
      render: (reply, status) => reply.code(status).type('text/plain').send('{"errcode":-1,"errmsg":"system error"}'),
    },
    (scope) => {
      loginPage<{ appId: string; redirectUri: string; state: string | undefined }>(scope, {
        path: '/wechat/connect/qrconnect',
        title: '微信登录',
        check: (parameters) => {
          const found = apps.find((a) => a.appId === textOf(parameters, 'appid'));
          if (!found) return { kind: 'refused', reason: 'AppID 参数错误' };
          const redirectUri = textOf(parameters, 'redirect_uri');
          if (!redirectUri || !sameHost(found, redirectUri))
            return { kind: 'refused', reason: 'redirect_uri 参数错误' };
          // Website apps have this scope only; anything else is "Scope parameter error or no Scope permission".
          if (textOf(parameters, 'scope') !== 'snsapi_login' || textOf(parameters, 'response_type') !== 'code')
            return { kind: 'refused', reason: 'Scope 参数错误或没有 Scope 权限' };
          return { kind: 'ok', request: { appId: found.appId, redirectUri, state: textOf(parameters, 'state') } };
        },
        finish: (reply, { appId, redirectUri, state }, person) => {
          if (person)
            return sendBack(reply, withQuery(redirectUri, { code: grants.newCode({ appId, person }), state }));
          if (part.faults.current().refusal === 'stay')
            return sendPage(reply, { title: '微信登录', body: html`<h1>微信登录</h1><p>你已取消此次登录</p>` });
          return sendBack(reply, withQuery(redirectUri, { state }));
        },
      });

      scope.get<{ Querystring: Parameters }>('/wechat/sns/oauth2/access_token', async ({ query }, reply) => {
        const asked = part.faults.take('tokenError');
        if (asked) return sendError(reply, asked.code);
        const found = apps.find((a) => a.appId === textOf(query, 'appid'));
        if (!found) return sendError(reply, 40013);
        if (!sameText(found.appSecret, textOf(query, 'secret') ?? '')) return sendError(reply, 40125);
        if (query.grant_type !== 'authorization_code') return sendError(reply, 40002);
        if (!textOf(query, 'code')) return sendError(reply, 41008);
        const redeemed = grants.redeem(query.code, (grant) => grant.appId === found.appId);
        if (redeemed.kind !== 'ok')
          return sendError(reply, { unknown: 40029, used: 40163, expired: 42003 }[redeemed.kind]);
        const { grant } = redeemed;
        return send(reply, {
          access_token: grants.newToken(grant),
          expires_in: 7200,
          refresh_token: randomText(90),
          openid: wechatOpenId(found.appId, grant.person),
          scope: 'snsapi_login,snsapi_userinfo',
          ...(!part.faults.current().noUnionId && { unionid: wechatUnionId(found.region, grant.person) }),
        });
      });

      scope.get<{ Querystring: Parameters }>('/wechat/sns/userinfo', async ({ query }, reply) => {
        const asked = part.faults.take('profileError');
        if (asked) return sendError(reply, asked.code);
        const grant = grants.byToken(query.access_token);
        const found = apps.find((a) => a.appId === grant?.appId);
        if (!grant || !found) return sendError(reply, 40001);
        const openid = wechatOpenId(grant.appId, grant.person);
        if (query.openid !== openid) return sendError(reply, 40003);
        return send(reply, {
          openid: part.faults.current().otherOpenId ? `${openid.slice(0, -1)}!` : openid,
          nickname: grant.person.name,
          sex: 0,
          province: '',
          city: '',
          country: '',
          headimgurl: '',
          privilege: [],
          ...(!part.faults.current().noUnionId && { unionid: wechatUnionId(found.region, grant.person) }),
        });
      });
    },
  );
  return part;
};
