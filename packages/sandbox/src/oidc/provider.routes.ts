// The operator's OpenID provider: discovery, keys, authorize with a page to choose a person, token, userinfo.
import { createHash } from 'node:crypto';
import formbody from '@fastify/formbody';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxConfig } from '../config.ts';
import { applyFaults, noteRequest } from '../control/part.ts';
import { sameText } from '../crypto/same-text.ts';
import { sendPage } from '../http/page.ts';
import { headerOf } from '../http/raw-body.ts';
import { type Checked, type Client, carried, checkAuthorization, type Parameters } from './authorization-request.ts';
import type { OidcPart } from './faults.ts';
import { createGrants } from './grants.ts';
import { createIdTokens } from './id-token.ts';
import { otherProvider } from './misbehaviour.ts';
import { choosingPage, refusedPage, staffPage } from './pages.ts';

type Options = { config: SandboxConfig; part: OidcPart; clients: Client[]; origin: () => string };

export const oidcRoutes = async (app: FastifyInstance, { config, part, clients, origin }: Options) => {
  const { now, staff } = config;
  const idTokens = await createIdTokens(config.secrets.oidcSigningKey, now);
  const grants = createGrants(now);
  const issuer = () => `${origin()}/oidc`;
  const seconds = () => Math.floor(now().getTime() / 1000);

  const sendBack = (
    reply: FastifyReply,
    {
      redirectUri,
      state,
      ...answer
    }: { redirectUri: string; state: string | undefined; [name: string]: string | undefined },
  ) => {
    const url = new URL(redirectUri);
    for (const [name, value] of Object.entries(answer)) if (value !== undefined) url.searchParams.set(name, value);
    if (state !== undefined) url.searchParams.set('state', part.faults.take('wrongState') ? `${state}x` : state);
    url.searchParams.set('iss', part.faults.take('wrongIssuerParameter') ? otherProvider : issuer());
    return reply.header('cache-control', 'no-store').redirect(url.href, 303);
  };
  const turnDown = (reply: FastifyReply, checked: Exclude<Checked, { kind: 'ok' }>) =>
    checked.kind === 'refused'
      ? sendPage(reply, refusedPage(checked.reason), 400)
      : sendBack(reply, {
          redirectUri: checked.redirectUri,
          state: checked.state,
          error: checked.error,
          error_description: checked.description,
        });

  /** The client that authenticated by exactly one of client_secret_basic and client_secret_post. */
  const authenticate = (request: FastifyRequest, body: Parameters): Client | undefined => {
    const basic = /^Basic ([A-Za-z0-9+/=]+)$/.exec(headerOf(request, 'authorization'))?.[1];
    const decode = (text = '') => {
      try {
        return decodeURIComponent(text.replaceAll('+', ' '));
      } catch {
        return ''; // Malformed percent-encoding: no client has an empty id.
      }
    };
    const [id, secret] = basic
      ? Buffer.from(basic, 'base64').toString().split(':', 2).map(decode)
      : [body.client_id, body.client_secret];
    if (basic && body.client_secret !== undefined) return undefined;
    const client = clients.find((c) => c.clientId === id);
    return client && typeof secret === 'string' && sameText(client.clientSecret, secret) ? client : undefined;
  };

  await app.register(async (scope) => {
    await scope.register(formbody);
    applyFaults(scope, {
      partOf: () => part,
      renderFailure: (reply, status) => reply.code(status).send({ error: 'temporarily_unavailable' }),
      now,
    });

    scope.get('/oidc/.well-known/openid-configuration', async () => ({
      issuer: part.faults.take('discoveryIssuer') ? otherProvider : issuer(),
      authorization_endpoint: `${issuer()}/authorize`,
      token_endpoint: `${issuer()}/token`,
      userinfo_endpoint: `${issuer()}/userinfo`,
      jwks_uri: `${issuer()}/jwks`,
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      grant_types_supported: ['authorization_code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      code_challenge_methods_supported: ['S256'],
      scopes_supported: ['openid', 'profile', 'email'],
      claims_supported: ['sub', 'name', 'email', 'roles'],
      authorization_response_iss_parameter_supported: true,
    }));
    scope.get('/oidc/jwks', async () => idTokens.jwks(part.faults.current().unnamedKeys));

    scope.get<{ Querystring: Parameters }>('/oidc/authorize', async (request, reply) => {
      const checked = checkAuthorization(request.query, clients);
      return checked.kind === 'ok'
        ? sendPage(reply, choosingPage(staff, carried(request.query)))
        : turnDown(reply, checked);
    });
    scope.post<{ Body: Parameters | undefined }>('/oidc/authorize', async (request, reply) => {
      const body = request.body ?? {};
      const checked = checkAuthorization(body, clients);
      if (checked.kind !== 'ok') return turnDown(reply, checked);
      const { client, redirectUri, state, nonce, challenge } = checked.request;
      const person = staff.find((p) => p.sub === body.person);
      if (!person)
        return sendBack(reply, { redirectUri, state, error: 'access_denied', error_description: 'Nobody signed in' });
      noteRequest(request, { caller: client.clientId, subject: person.sub });
      return sendBack(reply, {
        redirectUri,
        state,
        code: grants.newCode({ clientId: client.clientId, redirectUri, person, nonce, challenge, authTime: seconds() }),
      });
    });

    scope.post<{ Body: Parameters | undefined }>('/oidc/token', async (request, reply) => {
      reply.header('cache-control', 'no-store');
      const body = request.body ?? {};
      const client = authenticate(request, body);
      if (!client)
        return reply.code(401).header('www-authenticate', 'Basic realm="oidc"').send({ error: 'invalid_client' });
      noteRequest(request, { caller: client.clientId });
      if (body.grant_type !== 'authorization_code') return reply.code(400).send({ error: 'unsupported_grant_type' });
      const code = typeof body.code === 'string' ? body.code : '';
      const grant = grants.redeem(code);
      const verifier =
        typeof body.code_verifier === 'string' && /^[A-Za-z0-9._~-]{43,128}$/.test(body.code_verifier)
          ? body.code_verifier
          : '';
      const proved = grant && createHash('sha256').update(verifier).digest('base64url') === grant.challenge;
      if (!grant || !proved || grant.clientId !== client.clientId || grant.redirectUri !== body.redirect_uri)
        return reply.code(400).send({ error: 'invalid_grant' });
      const { token, expiresIn } = grants.newToken(code, grant);
      const { person, nonce, authTime } = grant;
      const idToken = await idTokens.sign(
        {
          issuer: issuer(),
          clientId: grant.clientId,
          subject: person.sub,
          nonce,
          claims: {
            auth_time: authTime,
            name: person.name,
            email: person.email,
            email_verified: true,
            roles: person.roles,
          },
        },
        part.faults.take('idToken')?.wrong,
        part.faults.current().unnamedKeys,
      );
      return {
        access_token: token,
        token_type: 'Bearer',
        expires_in: expiresIn,
        scope: 'openid profile email',
        id_token: idToken,
      };
    });
    const userinfo = async (request: FastifyRequest, reply: FastifyReply) => {
      const grant = grants.byToken(/^Bearer (\S+)$/.exec(headerOf(request, 'authorization'))?.[1] ?? '');
      if (!grant)
        return reply
          .code(401)
          .header('www-authenticate', 'Bearer error="invalid_token"')
          .send({ error: 'invalid_token' });
      const { sub, name, email, roles } = grant.person;
      return { sub: part.faults.take('otherSubject') ? `${sub}-other` : sub, name, email, email_verified: true, roles };
    };
    scope.get('/oidc/userinfo', userinfo);
    scope.post('/oidc/userinfo', userinfo);
  });
  app.post('/control/oidc/rotate-keys', async () => idTokens.rotate());
  app.get('/oidc', async (_request, reply) => sendPage(reply, staffPage(staff, issuer(), clients)));
};
