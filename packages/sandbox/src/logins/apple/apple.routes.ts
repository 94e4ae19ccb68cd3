// Sign in with Apple for the web: https://developer.apple.com/documentation/signinwithapplerestapi and
// …/signinwithapple/incorporating-sign-in-with-apple-into-other-platforms. The answer is a form that the browser posts from Apple's site.
import type { FastifyInstance, FastifyReply } from 'fastify';
import { randomText } from '../../crypto/random.ts';
import { html } from '../../http/html.ts';
import { sendPage } from '../../http/page.ts';
import { createIdTokens } from '../../oidc/id-token.ts';
import { otherProvider } from '../../oidc/misbehaviour.ts';
import { keepNewest } from '../../storage/keep-newest.ts';
import { createGrants, kept } from '../grants.ts';
import { loginPage, type Parameters, textOf } from '../login-page.ts';
import type { LoginPerson } from '../people.ts';
import { createApps, exactly } from '../registrations.ts';
import { mountStandIn, type StandInDeps } from '../stand-in.ts';
import { appOfSecret } from './client-secret.ts';
import { createApplePart } from './faults.ts';
import { appleSubject, relayAddress } from './ids.ts';
import { appleNotificationRoutes } from './notification.routes.ts';

type Grant = { clientId: string; redirectUri: string; nonce: string | undefined; scope: string; person: LoginPerson };

export const appleRoutes = async (app: FastifyInstance, deps: StandInDeps) => {
  const part = createApplePart();
  const apps = createApps(app, deps, 'apple');
  const idTokens = await createIdTokens(deps.secrets.appleSigningKey, deps.now);
  const grants = createGrants<Grant>({ now: deps.now, codeMs: 300_000, tokenMs: 3_600_000 });
  const refreshTokens = createGrants<Grant>({ now: deps.now, codeMs: 0, tokenMs: 180 * 86_400_000 });
  /** Who has told an app their name: the form's `user` comes only once. */
  const consented = new Set<string>();
  const issuer = () => `${deps.origin()}/apple`;
  const consentOf = (grant: Pick<Grant, 'clientId' | 'person'>) => `${grant.clientId} ${grant.person.key}`;

  const idTokenFor = (grant: Grant, changes: { issuer?: string; subject?: string } = {}) => {
    const { email, claimForm } = part.faults.current();
    const flag = (value: boolean) => (claimForm === 'string' ? String(value) : value);
    const address = email === 'private_relay' ? relayAddress(grant.person) : grant.person.email;
    const told = grant.scope.split(' ').includes('email') && email !== 'absent' && address !== null;
    const teamId = apps.find((a) => a.clientId === grant.clientId)?.teamId ?? '';
    return idTokens.sign(
      {
        issuer: changes.issuer ?? issuer(),
        clientId: grant.clientId,
        subject: changes.subject ?? appleSubject(teamId, grant.person),
        nonce: grant.nonce,
        claims: {
          auth_time: Math.floor(deps.now().getTime() / 1000),
          nonce_supported: true,
          ...(told && {
            email: address,
            email_verified: flag(grant.person.emailVerified && email !== 'not_verified'),
            is_private_email: flag(email === 'private_relay'),
          }),
        },
      },
      part.faults.take('idToken')?.wrong,
      part.faults.current().unnamedKeys,
    );
  };
  /** The page whose form goes to the app; Apple's submits itself, this one has a button. */
  const formPost = (reply: FastifyReply, to: string, fields: Record<string, string | undefined>) =>
    sendPage(reply, {
      title: 'Sign in with Apple',
      body: html`<h1>Sign in with Apple</h1><form method="post" action="${to}">${Object.entries(fields).map(([name, value]) => value !== undefined && html`<input type="hidden" name="${name}" value="${value}">`)}<button>Continue</button></form>`,
    });
  const refuse = (reply: FastifyReply, error: string) => reply.code(400).send({ error });

  app.post('/control/apple/rotate-keys', async () => idTokens.rotate());
  app.post('/control/apple/forget-consents', async () => {
    consented.clear();
    return {};
  });
  appleNotificationRoutes(app, { deps, apps, idTokens, issuer });

  await mountStandIn(
    app,
    { deps, part, render: (reply, status) => reply.code(status).send({ error: 'server_error' }) },
    (scope) => {
      scope.get('/apple/.well-known/openid-configuration', async () => ({
        issuer: part.faults.take('discoveryIssuer') ? otherProvider : issuer(),
        authorization_endpoint: `${issuer()}/auth/authorize`,
        token_endpoint: `${issuer()}/auth/token`,
        revocation_endpoint: `${issuer()}/auth/revoke`,
        jwks_uri: `${issuer()}/auth/keys`,
        response_types_supported: ['code'],
        response_modes_supported: ['query', 'fragment', 'form_post'],
        subject_types_supported: ['pairwise'],
        id_token_signing_alg_values_supported: ['RS256'],
        scopes_supported: ['openid', 'email', 'name'],
        token_endpoint_auth_methods_supported: ['client_secret_post'],
      }));
      scope.get('/apple/auth/keys', async () => idTokens.jwks(part.faults.current().unnamedKeys));

      loginPage<Omit<Grant, 'person'> & { state: string | undefined }>(scope, {
        path: '/apple/auth/authorize',
        title: 'Sign in with Apple',
        check: (parameters) => {
          const found = apps.find((a) => a.clientId === textOf(parameters, 'client_id'));
          if (!found) return { kind: 'refused', reason: 'invalid_client' };
          const redirectUri = textOf(parameters, 'redirect_uri');
          if (!redirectUri || !exactly(found, redirectUri))
            return { kind: 'refused', reason: 'Invalid web redirect url.' };
          if (textOf(parameters, 'response_type') !== 'code')
            return { kind: 'refused', reason: 'unsupported_response_type' };
          const scope = textOf(parameters, 'scope') ?? '';
          if (scope !== '' && textOf(parameters, 'response_mode') !== 'form_post')
            return {
              kind: 'refused',
              reason: 'response_mode must be form_post when name or email scope is requested.',
            };
          const { clientId } = found;
          return {
            kind: 'ok',
            request: {
              clientId,
              redirectUri,
              scope,
              nonce: textOf(parameters, 'nonce'),
              state: textOf(parameters, 'state'),
            },
          };
        },
        finish: (reply, { state: asked, ...request }, person) => {
          const state = asked !== undefined && part.faults.take('wrongState') ? `${asked}x` : asked;
          if (!person) return formPost(reply, request.redirectUri, { error: 'user_cancelled_authorize', state });
          const grant = { ...request, person };
          const first = !consented.has(consentOf(grant)) && request.scope.includes('name');
          consented.add(consentOf(grant));
          keepNewest(consented, kept);
          const forged = part.faults.current().forgedUserEmail;
          const user = JSON.stringify({
            name: { firstName: person.name.slice(1) || person.name, lastName: person.name.slice(0, 1) },
            email: forged ?? person.email ?? undefined,
          });
          return formPost(reply, request.redirectUri, {
            state,
            code: grants.newCode(grant, `c${randomText(40)}.0.${randomText(4)}`),
            user: first || forged ? user : undefined,
            iss: part.faults.take('wrongIssuerParameter') ? otherProvider : undefined,
          });
        },
      });

      const authenticate = (body: Parameters) =>
        appOfSecret(apps, {
          clientId: body.client_id,
          secret: body.client_secret,
          audience: issuer(),
          now: deps.now(),
        });
      const bodyOf = (body: unknown) => (body ?? {}) as Parameters;

      scope.post('/apple/auth/token', async (request, reply) => {
        const body = bodyOf(request.body);
        const asked = part.faults.take('tokenError');
        if (asked) return refuse(reply, asked.error);
        const client = await authenticate(body);
        if (!client) return refuse(reply, 'invalid_client');
        const answer = { token_type: 'Bearer', expires_in: 3600 };
        if (body.grant_type === 'refresh_token') {
          const grant = refreshTokens.byToken(body.refresh_token);
          if (!grant || grant.clientId !== client.clientId) return refuse(reply, 'invalid_grant');
          const wrong = part.faults.take('refreshedIdToken')?.wrong;
          const id_token = await idTokenFor(
            { ...grant, nonce: undefined },
            {
              ...(wrong === 'issuer' && { issuer: otherProvider }),
              ...(wrong === 'subject' && { subject: '000000.other.0000' }),
            },
          );
          return { ...answer, access_token: grants.newToken(grant), id_token };
        }
        if (body.grant_type !== 'authorization_code') return refuse(reply, 'unsupported_grant_type');
        const redeemed = grants.redeem(
          body.code,
          (grant) => grant.clientId === client.clientId && grant.redirectUri === body.redirect_uri,
        );
        if (redeemed.kind !== 'ok') return refuse(reply, 'invalid_grant');
        const { grant } = redeemed;
        return {
          ...answer,
          access_token: grants.newToken(grant),
          refresh_token: refreshTokens.newToken(grant),
          id_token: await idTokenFor(grant),
        };
      });

      scope.post('/apple/auth/revoke', async (request, reply) => {
        const body = bodyOf(request.body);
        const client = await authenticate(body);
        if (!client) return refuse(reply, 'invalid_client');
        const grant = refreshTokens.byToken(body.token) ?? grants.byToken(body.token);
        // 200 also for a token that is unknown or another app's: RFC 7009 section 2.2.
        if (grant?.clientId !== client.clientId || !grant) return reply.code(200).send();
        refreshTokens.endToken(body.token);
        grants.endToken(body.token);
        consented.delete(consentOf(grant));
        return reply.code(200).send();
      });
    },
  );
  return part;
};
