// Xiaomi account, OAuth 2.0: https://dev.mi.com/xiaomihyperos/documentation/detail?pId=1708 (authorize, token), ?pId=1517 (profile),
// ?pId=1519 (error codes), ?pId=1512 (redirect rule). Errors are integers, token replies are prefixed, ids are openId and union_id.
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { commonFaults } from '../../control/faults.ts';
import { createPart } from '../../control/part.ts';
import { randomText } from '../../crypto/random.ts';
import { sameText } from '../../crypto/same-text.ts';
import { createGrants } from '../grants.ts';
import { loginPage, type Parameters, sendBack, textOf, withQuery } from '../login-page.ts';
import { type LoginPerson, textId } from '../people.ts';
import { createApps, sameOrSubdomain } from '../registrations.ts';
import { mountStandIn, ownError, type StandInDeps } from '../stand-in.ts';

const faults = z.strictObject({
  ...commonFaults,
  tokenError: ownError,
  profileError: ownError,
  /** The token reply lacks union_id. */
  noUnionId: z.boolean().optional(),
  /** The profile speaks of another person than the token. */
  otherUnionId: z.boolean().optional(),
  /** The token reply is neither JSON nor prefixed. */
  garbled: z.boolean().optional(),
});

const errors: Record<number, string> = {
  96001: 'client not exists',
  96002: 'invalid request',
  96003: 'invalid client',
  96006: 'unsupported grant type',
  96007: 'invalid scope',
  96008: 'invalid token',
  96009: 'invalid refresh token',
  96010: 'invalid redirect uri',
  96011: 'unsupported response type',
  96012: 'access denied',
  96013: 'invalid code',
};
const prefix = '&&&START&&&';
const tokenLifeSeconds = 7_776_000;
type Grant = { clientId: string; redirectUri: string; scope: string; person: LoginPerson };

export const xiaomiRoutes = async (app: FastifyInstance, deps: StandInDeps) => {
  const part = createPart('xiaomi', 'Xiaomi account login', faults);
  const apps = createApps(app, deps, 'xiaomi');
  const grants = createGrants<Grant>({ now: deps.now, codeMs: 600_000, tokenMs: tokenLifeSeconds * 1000 });
  // Used once each; no document says when they end.
  const refreshTokens = createGrants<Grant>({ now: deps.now, codeMs: 0, tokenMs: Number.POSITIVE_INFINITY });
  const unionIdOf = (person: LoginPerson) => textId(43, 'xiaomi union', person.key);

  const sendToken = (reply: FastifyReply, body: object) => reply.type('application/json').send(body);
  /** The originals put a space after the prefix of an error only. */
  const sendError = (reply: FastifyReply, code: number) =>
    sendToken(
      reply,
      Buffer.from(`${prefix} ${JSON.stringify({ error: code, error_description: errors[code] ?? 'unknown error' })}`),
    );

  await mountStandIn(
    app,
    { deps, part, render: (reply, status) => reply.code(status).type('text/html').send('<h1>Bad Gateway</h1>') },
    (scope) => {
      loginPage<Omit<Grant, 'person'> & { state: string | undefined }>(scope, {
        path: '/xiaomi/oauth2/authorize',
        title: '小米账号登录',
        check: (parameters) => {
          const found = apps.find((a) => a.clientId === textOf(parameters, 'client_id'));
          if (!found) return { kind: 'refused', reason: `96001 ${errors[96001]}` };
          const redirectUri = textOf(parameters, 'redirect_uri');
          if (!redirectUri || !sameOrSubdomain(found, redirectUri))
            return { kind: 'refused', reason: `96010 ${errors[96010]}` };
          const state = textOf(parameters, 'state');
          const back = (code: number) => ({
            kind: 'back' as const,
            to: withQuery(redirectUri, { error: String(code), error_description: errors[code], state }),
          });
          if (textOf(parameters, 'response_type') !== 'code') return back(96011);
          const scope = textOf(parameters, 'scope') ?? '1';
          if (!/^[0-9]+( [0-9]+)*$/.test(scope)) return back(96007);
          return { kind: 'ok', request: { clientId: found.clientId, redirectUri, scope, state } };
        },
        finish: (reply, { state, ...request }, person) =>
          sendBack(
            reply,
            withQuery(
              request.redirectUri,
              person
                ? { code: grants.newCode({ ...request, person }), state }
                : { error: '96012', error_description: errors[96012], state },
            ),
          ),
      });

      const token = (parameters: Parameters, reply: FastifyReply) => {
        const asked = part.faults.take('tokenError');
        if (asked) return sendError(reply, asked.code);
        const client = apps.find((a) => a.clientId === textOf(parameters, 'client_id'));
        if (!client) return sendError(reply, 96001);
        if (!sameText(client.clientSecret, textOf(parameters, 'client_secret') ?? '')) return sendError(reply, 96003);
        const mine = (grant: Grant) =>
          grant.clientId === client.clientId && grant.redirectUri === parameters.redirect_uri;
        let grant: Grant | undefined;
        if (parameters.grant_type === 'authorization_code') {
          const redeemed = grants.redeem(parameters.code, mine);
          if (redeemed.kind !== 'ok') return sendError(reply, 96013);
          grant = redeemed.grant;
        } else if (parameters.grant_type === 'refresh_token') {
          grant = refreshTokens.byToken(parameters.refresh_token);
          if (!grant || !mine(grant)) return sendError(reply, 96009);
          refreshTokens.endToken(parameters.refresh_token);
        } else return sendError(reply, 96006);
        const refreshToken = refreshTokens.newToken(grant);
        if (part.faults.current().garbled) return reply.type('text/html').send('<html>登录</html>');
        const body = {
          access_token: grants.newToken(grant),
          expires_in: tokenLifeSeconds,
          scope: grant.scope,
          token_type: 'mac',
          mac_key: randomText(27),
          mac_algorithm: 'HmacSha1',
          refresh_token: refreshToken,
          openId: textId(43, 'xiaomi open', client.clientId, grant.person.key),
          ...(!part.faults.current().noUnionId && { union_id: unionIdOf(grant.person) }),
        };
        return sendToken(reply, Buffer.from(prefix + JSON.stringify(body)));
      };
      scope.get<{ Querystring: Parameters }>('/xiaomi/oauth2/token', async (request, reply) =>
        token(request.query, reply),
      );
      scope.post<{ Body: Parameters | undefined }>('/xiaomi/oauth2/token', async (request, reply) =>
        token(request.body ?? {}, reply),
      );

      scope.get<{ Querystring: Parameters }>('/xiaomi/user/profile', async (request) => {
        const failure = (code: number) => ({ result: 'error', code, description: errors[code] ?? 'unknown error' });
        const asked = part.faults.take('profileError');
        if (asked) return failure(asked.code);
        const grant = grants.byToken(request.query.token);
        if (grant?.clientId !== request.query.clientId || !grant) return failure(96008);
        const other = part.faults.current().otherUnionId ? 'x' : '';
        return {
          result: 'ok',
          code: 0,
          description: 'no error',
          data: { unionId: unionIdOf(grant.person) + other, miliaoNick: grant.person.name, miliaoIcon: '' },
        };
      });
    },
  );
  return part;
};
