// Google, OpenID Connect: https://developers.google.com/identity/openid-connect/openid-connect. PKCE is checked when it is used.
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { commonFaults, times } from '../../control/faults.ts';
import { createPart } from '../../control/part.ts';
import { randomText } from '../../crypto/random.ts';
import { sameText } from '../../crypto/same-text.ts';
import { headerOf } from '../../http/raw-body.ts';
import { createIdTokens } from '../../oidc/id-token.ts';
import { openidFaults, otherProvider } from '../../oidc/misbehaviour.ts';
import { createGrants } from '../grants.ts';
import { loginPage, type Parameters, sendBack, textOf, withQuery } from '../login-page.ts';
import { digitId, type LoginPerson } from '../people.ts';
import { createApps, exactly } from '../registrations.ts';
import { mountStandIn, type StandInDeps } from '../stand-in.ts';

const faults = z.strictObject({
  ...commonFaults,
  ...openidFaults,
  tokenError: z.strictObject({ error: z.string().max(60), times }).optional(),
  /** `accounts.google.com` instead of `https://accounts.google.com`. */
  bareIssuer: z.boolean().optional(),
  email: z.enum(['absent', 'not_verified']).optional(),
  /** email_verified as a string, as was seen. */
  claimForm: z.enum(['string', 'boolean']).optional(),
  /** The person's Workspace domain: Google runs the mailbox. */
  hd: z.string().max(253).optional(),
});
type Grant = {
  clientId: string;
  redirectUri: string;
  nonce: string | undefined;
  challenge: string | undefined;
  scope: string;
  person: LoginPerson;
};
export const googleSubject = (person: LoginPerson) => `1${digitId(20, 'google', person.key)}`;

export const googleRoutes = async (app: FastifyInstance, deps: StandInDeps) => {
  const part = createPart('google', 'Google sign-in', faults);
  const apps = createApps(app, deps, 'google');
  const idTokens = await createIdTokens(deps.secrets.googleSigningKey, deps.now);
  const grants = createGrants<Grant>({ now: deps.now, codeMs: 300_000, tokenMs: 3_600_000 });
  const refreshTokens = createGrants<Grant>({ now: deps.now, codeMs: 0, tokenMs: 180 * 86_400_000 });
  const issuer = () => `${deps.origin()}/google`;
  const refuse = (reply: FastifyReply, error: string, status = 400) =>
    reply.code(status).send({ error, error_description: 'Bad Request' });
  const profileOf = ({ person, scope }: Grant) => {
    const { email, claimForm } = part.faults.current();
    const verified = person.emailVerified && email !== 'not_verified';
    const asked = scope.split(' ');
    return {
      ...(asked.includes('profile') && { name: person.name }),
      ...(asked.includes('email') &&
        email !== 'absent' &&
        person.email !== null && {
          email: person.email,
          email_verified: claimForm === 'string' ? String(verified) : verified,
        }),
    };
  };
  const hostedDomain = () => {
    const { hd } = part.faults.current();
    return hd === undefined ? {} : { hd };
  };
  const idTokenFor = (grant: Grant, changes: { issuer?: string; subject?: string } = {}) =>
    idTokens.sign(
      {
        issuer: changes.issuer ?? (part.faults.current().bareIssuer ? issuer().replace(/^https?:\/\//, '') : issuer()),
        clientId: grant.clientId,
        subject: changes.subject ?? googleSubject(grant.person),
        nonce: grant.nonce,
        claims: { azp: grant.clientId, ...profileOf(grant), ...hostedDomain() },
      },
      part.faults.take('idToken')?.wrong,
      part.faults.current().unnamedKeys,
    );

  app.post('/control/google/rotate-keys', async () => idTokens.rotate());
  await mountStandIn(
    app,
    { deps, part, render: (reply, status) => reply.code(status).send({ error: 'internal_failure' }) },
    (scope) => {
      scope.get('/google/.well-known/openid-configuration', async () => ({
        issuer: part.faults.take('discoveryIssuer') ? otherProvider : issuer(),
        authorization_endpoint: `${issuer()}/o/oauth2/v2/auth`,
        token_endpoint: `${issuer()}/token`,
        userinfo_endpoint: `${issuer()}/v1/userinfo`,
        jwks_uri: `${issuer()}/oauth2/v3/certs`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
        scopes_supported: ['openid', 'email', 'profile'],
        token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
        code_challenge_methods_supported: ['plain', 'S256'],
        authorization_response_iss_parameter_supported: true,
      }));
      scope.get('/google/oauth2/v3/certs', async () => idTokens.jwks(part.faults.current().unnamedKeys));

      loginPage<Omit<Grant, 'person'> & { state: string | undefined; offline: boolean }>(scope, {
        path: '/google/o/oauth2/v2/auth',
        title: 'Sign in with Google',
        check: (parameters) => {
          const found = apps.find((a) => a.clientId === textOf(parameters, 'client_id'));
          if (!found) return { kind: 'refused', reason: 'Error 401: invalid_client' };
          const redirectUri = textOf(parameters, 'redirect_uri');
          if (!redirectUri || !exactly(found, redirectUri))
            return { kind: 'refused', reason: 'Error 400: redirect_uri_mismatch' };
          if (textOf(parameters, 'response_type') !== 'code')
            return { kind: 'refused', reason: 'Error 400: unsupported_response_type' };
          const scope = textOf(parameters, 'scope') ?? '';
          if (!scope.split(' ').includes('openid')) return { kind: 'refused', reason: 'Error 400: invalid_scope' };
          const challenge = textOf(parameters, 'code_challenge');
          if (challenge && textOf(parameters, 'code_challenge_method') !== 'S256')
            return { kind: 'refused', reason: 'Error 400: invalid_request (code_challenge_method)' };
          return {
            kind: 'ok',
            request: {
              clientId: found.clientId,
              redirectUri,
              scope,
              challenge,
              nonce: textOf(parameters, 'nonce'),
              state: textOf(parameters, 'state'),
              offline: textOf(parameters, 'access_type') === 'offline',
            },
          };
        },
        finish: (reply, { state: asked, offline: _offline, ...request }, person) => {
          const state = asked !== undefined && part.faults.take('wrongState') ? `${asked}x` : asked;
          const iss = part.faults.take('wrongIssuerParameter') ? otherProvider : issuer();
          return sendBack(
            reply,
            withQuery(
              request.redirectUri,
              person
                ? { state, iss, code: `4/${grants.newCode({ ...request, person })}` }
                : { state, iss, error: 'access_denied' },
            ),
          );
        },
      });

      scope.post<{ Body: Parameters | undefined }>('/google/token', async (request, reply) => {
        const body = request.body ?? {};
        const asked = part.faults.take('tokenError');
        if (asked) return refuse(reply, asked.error);
        const client = apps.find((a) => a.clientId === textOf(body, 'client_id'));
        if (!client || !sameText(client.clientSecret, textOf(body, 'client_secret') ?? ''))
          return refuse(reply, 'invalid_client', 401);
        if (body.grant_type === 'refresh_token') {
          const grant = refreshTokens.byToken(body.refresh_token);
          if (!grant || grant.clientId !== client.clientId) return refuse(reply, 'invalid_grant');
          const wrong = part.faults.take('refreshedIdToken')?.wrong;
          const id_token = await idTokenFor(
            { ...grant, nonce: undefined },
            { ...(wrong === 'issuer' && { issuer: otherProvider }), ...(wrong === 'subject' && { subject: '1' }) },
          );
          return { access_token: grants.newToken(grant), token_type: 'Bearer', expires_in: 3599, id_token };
        }
        if (body.grant_type !== 'authorization_code') return refuse(reply, 'unsupported_grant_type');
        const verifier = createHash('sha256')
          .update(textOf(body, 'code_verifier') ?? '')
          .digest('base64url');
        const redeemed = grants.redeem(
          textOf(body, 'code')?.replace(/^4\//, ''),
          (grant) =>
            grant.clientId === client.clientId &&
            grant.redirectUri === body.redirect_uri &&
            (grant.challenge === undefined || grant.challenge === verifier),
        );
        if (redeemed.kind !== 'ok') return refuse(reply, 'invalid_grant');
        const { grant } = redeemed;
        return {
          access_token: `ya29.${grants.newToken(grant)}`,
          expires_in: 3599,
          scope: grant.scope,
          token_type: 'Bearer',
          id_token: await idTokenFor(grant),
          ...(grant.scope.includes('offline') && { refresh_token: `1//${randomText(60)}` }),
        };
      });

      scope.get('/google/v1/userinfo', async (request, reply) => {
        const grant = grants.byToken(/^Bearer ya29\.(\S+)$/.exec(headerOf(request, 'authorization'))?.[1]);
        if (!grant) return reply.code(401).send({ error: 'invalid_request', error_description: 'Invalid Credentials' });
        const sub = googleSubject(grant.person);
        return { sub: part.faults.take('otherSubject') ? `${sub}0` : sub, ...profileOf(grant) };
      });
    },
  );
  return part;
};
