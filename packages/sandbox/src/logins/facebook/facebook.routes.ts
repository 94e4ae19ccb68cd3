// Facebook Login, manual flow: https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow,
// appsecret_proof: …/docs/graph-api/guides/secure-requests. Only versioned paths answer.
import { createHmac } from 'node:crypto';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { commonFaults } from '../../control/faults.ts';
import { createPart } from '../../control/part.ts';
import { randomText } from '../../crypto/random.ts';
import { sameText } from '../../crypto/same-text.ts';
import { createGrants } from '../grants.ts';
import { loginPage, type Parameters, sendBack, textOf, withQuery } from '../login-page.ts';
import type { LoginPerson } from '../people.ts';
import { createApps, exactly } from '../registrations.ts';
import { mountStandIn, ownError, type StandInDeps } from '../stand-in.ts';
import { facebookCallbackRoutes } from './callbacks.routes.ts';
import { facebookUserId } from './ids.ts';

const version = 'v24.0';
const faults = z.strictObject({
  ...commonFaults,
  /** An error of the Graph API by its code. */
  tokenError: ownError,
  profileError: ownError,
  /** What debug_token says of the token. */
  debugToken: z.enum(['other_app', 'other_user', 'not_valid']).optional(),
  /** The person did not share it, or has none. */
  noEmail: z.boolean().optional(),
});
const messages: Record<number, string> = {
  1: 'Error validating client secret.',
  100: 'Invalid parameter',
  101: 'Error validating application. Cannot get application info due to a system error.',
  190: 'Invalid OAuth access token - Cannot parse access token',
  191: "Can't Load URL: The domain of this URL isn't included in the app's domains.",
};
const lifeSeconds = 5_184_000;
type Grant = { appId: string; redirectUri: string; scope: string; person: LoginPerson };
type Query = { Querystring: Parameters };

export const facebookRoutes = async (app: FastifyInstance, deps: StandInDeps) => {
  const part = createPart('facebook', 'Facebook login', faults);
  const apps = createApps(app, deps, 'facebook');
  const grants = createGrants<Grant>({ now: deps.now, codeMs: 600_000, tokenMs: lifeSeconds * 1000 });
  const graphError = (
    reply: FastifyReply,
    code: number,
    message = messages[code] ?? 'Unknown error',
    subcode?: number,
  ) =>
    reply.code(400).send({
      error: {
        message,
        type: 'OAuthException',
        code,
        ...(subcode && { error_subcode: subcode }),
        fbtrace_id: randomText(11),
      },
    });

  facebookCallbackRoutes(app, deps, apps);
  await mountStandIn(
    app,
    {
      deps,
      part,
      render: (reply, status) =>
        reply
          .code(status)
          .send({ error: { message: 'Service temporarily unavailable', type: 'OAuthException', code: 2 } }),
    },
    (scope) => {
      loginPage<Omit<Grant, 'person'> & { state: string | undefined }>(scope, {
        path: `/facebook/${version}/dialog/oauth`,
        title: 'Log in with Facebook',
        check: (parameters) => {
          const found = apps.find((a) => a.appId === textOf(parameters, 'client_id'));
          if (!found) return { kind: 'refused', reason: 'Invalid App ID' };
          const redirectUri = textOf(parameters, 'redirect_uri');
          if (!redirectUri || !exactly(found, redirectUri)) return { kind: 'refused', reason: messages[191] ?? '' };
          const scope = textOf(parameters, 'scope') ?? 'public_profile';
          return {
            kind: 'ok',
            request: { appId: found.appId, redirectUri, scope, state: textOf(parameters, 'state') },
          };
        },
        finish: (reply, { state, ...request }, person) =>
          sendBack(
            reply,
            withQuery(
              request.redirectUri,
              person
                ? { code: grants.newCode({ ...request, person }), state }
                : {
                    error: 'access_denied',
                    error_code: '200',
                    error_description: 'Permissions error',
                    error_reason: 'user_denied',
                    state,
                  },
            ),
          ),
      });

      scope.get<Query>(`/facebook/${version}/oauth/access_token`, async ({ query }, reply) => {
        const asked = part.faults.take('tokenError');
        if (asked) return graphError(reply, asked.code);
        const client = apps.find((a) => a.appId === textOf(query, 'client_id'));
        if (!client) return graphError(reply, 101);
        if (!sameText(client.appSecret, textOf(query, 'client_secret') ?? '')) return graphError(reply, 1);
        const redeemed = grants.redeem(query.code, (grant) => grant.appId === client.appId);
        if (redeemed.kind === 'used') return graphError(reply, 100, 'This authorization code has been used.', 36_009);
        if (redeemed.kind === 'expired') return graphError(reply, 100, 'This authorization code has expired.', 36_007);
        if (redeemed.kind !== 'ok') return graphError(reply, 100, 'Invalid verification code format.', 36_008);
        if (redeemed.grant.redirectUri !== query.redirect_uri)
          return graphError(
            reply,
            100,
            'Error validating verification code. Please make sure your redirect_uri is identical.',
            36_008,
          );
        return { access_token: grants.newToken(redeemed.grant), token_type: 'bearer', expires_in: lifeSeconds };
      });

      scope.get<Query>(`/facebook/${version}/debug_token`, async ({ query }, reply) => {
        const [appId, secret] = (textOf(query, 'access_token') ?? '').split('|');
        const client = apps.find((a) => a.appId === appId);
        if (!client || !sameText(client.appSecret, secret ?? '')) return graphError(reply, 190);
        const grant = grants.byToken(query.input_token);
        const wrong = part.faults.current().debugToken;
        if (!grant || wrong === 'not_valid')
          return {
            data: { error: { code: 190, message: 'The access token is not valid' }, is_valid: false, scopes: [] },
          };
        const userId = facebookUserId(grant.appId, grant.person);
        return {
          data: {
            app_id: wrong === 'other_app' ? '100000000000000' : grant.appId,
            type: 'USER',
            application: 'Meridian',
            expires_at: Math.floor(deps.now().getTime() / 1000) + lifeSeconds,
            is_valid: true,
            scopes: grant.scope.split(','),
            user_id: wrong === 'other_user' ? '1' : userId,
          },
        };
      });

      const proved = (query: Parameters, reply: FastifyReply): Grant | undefined => {
        const token = textOf(query, 'access_token') ?? '';
        const grant = grants.byToken(token);
        const client = apps.find((a) => a.appId === grant?.appId);
        if (!grant || !client) {
          graphError(reply, 190);
          return undefined;
        }
        const proof = createHmac('sha256', client.appSecret).update(token).digest('hex');
        if (sameText(proof, textOf(query, 'appsecret_proof') ?? '')) return grant;
        graphError(
          reply,
          100,
          query.appsecret_proof === undefined
            ? 'API calls from the server require an appsecret_proof argument'
            : 'Invalid appsecret_proof provided in the API argument',
        );
        return undefined;
      };
      scope.get<Query>(`/facebook/${version}/me`, async ({ query }, reply) => {
        const asked = part.faults.take('profileError');
        if (asked) return graphError(reply, asked.code);
        const grant = proved(query, reply);
        if (!grant) return reply;
        const fields = (textOf(query, 'fields') ?? 'id,name').split(',');
        const { person } = grant;
        const mail = fields.includes('email') && grant.scope.includes('email') && !part.faults.current().noEmail;
        return {
          id: facebookUserId(grant.appId, person),
          ...(fields.includes('name') && { name: person.name }),
          ...(mail && person.email !== null && { email: person.email }),
        };
      });
      scope.delete<Query>(`/facebook/${version}/me/permissions`, async ({ query }, reply) => {
        if (!proved(query, reply)) return reply;
        grants.endToken(query.access_token);
        return { success: true };
      });
    },
  );
  return part;
};
