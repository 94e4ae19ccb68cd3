// Alipay login for websites: publicAppAuthorize and the gateway's alipay.system.oauth.token and alipay.user.info.share.
// https://docs.antom.com/ac/solution_api/oauth_token, https://opendocs.alipay.com/open/02xtla, identifiers: opendocs mini/0ai2i6.
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { commonFaults, times } from '../../control/faults.ts';
import { createPart } from '../../control/part.ts';
import { randomText } from '../../crypto/random.ts';
import { createGrants } from '../grants.ts';
import { loginPage, type Parameters, sendBack, textOf, withQuery } from '../login-page.ts';
import { digitId, type LoginPerson, textId } from '../people.ts';
import { createApps, sameHost } from '../registrations.ts';
import { mountStandIn, type StandInDeps } from '../stand-in.ts';
import { type AnswerSignature, sealAnswer, signedRightly } from './gateway-signature.ts';
import { alipayMessageRoutes } from './message.routes.ts';

const faults = z.strictObject({
  ...commonFaults,
  /** Which identifier this app gets; new apps get open_id. */
  identifier: z.enum(['open_id', 'user_id', 'both', 'none']).optional(),
  answerSignature: z.strictObject({ kind: z.enum(['wrong', 'absent']), times }).optional(),
  /** A business error of the gateway by its sub_code, in error_response or in the method's own member. */
  gatewayError: z
    .strictObject({
      code: z.string().max(10),
      subCode: z.string().max(60),
      in: z.enum(['error_response', 'method']),
      times,
    })
    .optional(),
  /** The profile speaks of another person than the token. */
  otherUser: z.boolean().optional(),
});
const tokenSeconds = 1_296_000;
type Grant = { appId: string; person: LoginPerson };
type Failure = { code: string; msg: string; sub_code: string; sub_msg: string };

const invalid = (sub_code: string, sub_msg: string): Failure => ({
  code: '40002',
  msg: 'Invalid Arguments',
  sub_code,
  sub_msg,
});
const memberOf = (method: string) => `${method.replaceAll('.', '_')}_response`;
const china = (text: string) => Date.parse(`${text.replace(' ', 'T')}+08:00`);

export const alipayRoutes = async (app: FastifyInstance, deps: StandInDeps) => {
  const part = createPart('alipay', 'Alipay login', faults);
  const apps = createApps(app, deps, 'alipay');
  const grants = createGrants<Grant>({ now: deps.now, codeMs: 180_000, tokenMs: tokenSeconds * 1000 });
  const platformKey = deps.secrets.alipayPlatform.key.privateKey;
  const identifiers = ({ appId, person }: Grant) => {
    const which = part.faults.current().identifier ?? 'open_id';
    return {
      ...((which === 'user_id' || which === 'both') && { user_id: `2088${digitId(12, 'alipay', person.key)}` }),
      ...((which === 'open_id' || which === 'both') && { open_id: textId(43, 'alipay open', appId, person.key) }),
    };
  };
  const send = (reply: FastifyReply, member: string, content: object, signature?: AnswerSignature) =>
    reply
      .type('text/html;charset=utf-8')
      .send(
        sealAnswer(member, content, platformKey, signature ?? part.faults.take('answerSignature')?.kind ?? 'right'),
      );

  alipayMessageRoutes(app, deps, apps, identifiers);

  await mountStandIn(
    app,
    {
      deps,
      part,
      render: (reply, status) => reply.code(status).type('text/html').send('<h1>Service Unavailable</h1>'),
    },
    (scope) => {
      loginPage<{ appId: string; redirectUri: string; scope: string; state: string | undefined }>(scope, {
        path: '/alipay/oauth2/publicAppAuthorize.htm',
        title: '支付宝登录',
        check: (parameters) => {
          const found = apps.find((a) => a.appId === textOf(parameters, 'app_id'));
          if (!found) return { kind: 'refused', reason: '应用信息不存在 (invalid app_id)' };
          const redirectUri = textOf(parameters, 'redirect_uri');
          if (!redirectUri || !sameHost(found, redirectUri) || new URL(redirectUri).hostname === 'localhost')
            return { kind: 'refused', reason: 'redirect_uri 与应用的授权回调地址不一致' };
          const scope = textOf(parameters, 'scope');
          if (scope !== 'auth_user' && scope !== 'auth_base') return { kind: 'refused', reason: 'scope 参数错误' };
          return {
            kind: 'ok',
            request: { appId: found.appId, redirectUri, scope, state: textOf(parameters, 'state') },
          };
        },
        finish: (reply, { appId, redirectUri, scope, state }, person) =>
          sendBack(
            reply,
            withQuery(redirectUri, {
              app_id: appId,
              source: 'alipay_wallet',
              scope,
              state,
              auth_code: person && grants.newCode({ appId, person }),
            }),
          ),
      });

      const exchange = (client: { appId: string }, asked: Parameters): Failure | object => {
        if (asked.grant_type !== 'authorization_code') return invalid('isv.grant-type-invalid', '授权类型无效');
        const redeemed = grants.redeem(asked.code, (grant) => grant.appId === client.appId);
        if (redeemed.kind !== 'ok') return invalid('isv.code-invalid', '授权码code无效');
        return {
          access_token: grants.newToken(redeemed.grant),
          alipay_user_id: `2088${digitId(28, 'alipay old', redeemed.grant.person.key)}`,
          auth_start: '2026-11-22 00:00:00',
          expires_in: tokenSeconds,
          re_expires_in: tokenSeconds * 2,
          refresh_token: randomText(40),
          ...identifiers(redeemed.grant),
        };
      };
      const share = (client: { appId: string }, asked: Parameters): Failure | object => {
        const grant = grants.byToken(asked.auth_token);
        if (!grant || grant.appId !== client.appId)
          return {
            code: '20001',
            msg: 'Insufficient Token Permissions',
            sub_code: 'aop.invalid-auth-token',
            sub_msg: '无效的访问令牌',
          };
        const spoken = part.faults.current().otherUser
          ? { ...grant, person: { ...grant.person, key: 'other' } }
          : grant;
        return { code: '10000', msg: 'Success', nick_name: grant.person.name, avatar: '', ...identifiers(spoken) };
      };

      scope.post<{ Body: Parameters | undefined; Querystring: Parameters }>(
        '/alipay/gateway.do',
        async (request, reply) => {
          const all = { ...request.query, ...request.body };
          const asked = Object.fromEntries(
            Object.entries(all).filter((e): e is [string, string] => typeof e[1] === 'string'),
          );
          const refuse = (failure: Failure) => send(reply, 'error_response', failure, 'absent');
          const client = apps.find((a) => a.appId === asked.app_id);
          if (!client) return refuse(invalid('isv.invalid-app-id', '无效的AppID参数'));
          if (asked.sign_type !== 'RSA2') return refuse(invalid('isv.invalid-signature-type', '无效的签名类型'));
          if (!signedRightly(client.key.publicKey, asked))
            return refuse(
              invalid(
                'isv.invalid-signature',
                '验签出错，请确认charset参数放在了URL查询字符串中且各参数值使用charset参数指示的字符集编码',
              ),
            );
          if (
            asked.version !== '1.0' ||
            (asked.format ?? 'JSON') !== 'JSON' ||
            asked.charset?.toLowerCase() !== 'utf-8'
          )
            return refuse(invalid('isv.invalid-format', '无效的数据格式'));
          if (!(Math.abs(china(asked.timestamp ?? '') - deps.now().getTime()) < 86_400_000))
            return refuse(invalid('isv.invalid-timestamp', '非法的时间戳参数'));
          const method = asked.method ?? '';
          const wanted = part.faults.take('gatewayError');
          if (wanted) {
            const failure = {
              code: wanted.code,
              msg: 'Business Failed',
              sub_code: wanted.subCode,
              sub_msg: '业务失败',
            };
            return send(reply, wanted.in === 'method' ? memberOf(method) : 'error_response', failure);
          }
          if (method === 'alipay.system.oauth.token') {
            const answer = exchange(client, asked);
            return send(reply, 'sub_code' in answer ? 'error_response' : memberOf(method), answer);
          }
          // Errors of this method come in its own member.
          if (method === 'alipay.user.info.share') return send(reply, memberOf(method), share(client, asked));
          return refuse(invalid('isv.invalid-method', '不存在的方法名'));
        },
      );
    },
  );
  return part;
};
