// Server-to-server notifications, started by control: a JWT in `payload` whose `events` is JSON in a string.
// https://developer.apple.com/documentation/signinwithapple/processing-changes-for-sign-in-with-apple-accounts
import { generateKeyPairSync } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { SignJWT } from 'jose';
import { z } from 'zod';
import { randomText } from '../../crypto/random.ts';
import type { IdTokens } from '../../oidc/id-token.ts';
import { otherProvider } from '../../oidc/misbehaviour.ts';
import { loginPerson } from '../people.ts';
import type { App } from '../registrations.ts';
import { deliver, parsePushOrder, type StandInDeps } from '../stand-in.ts';
import { appleSubject, relayAddress } from './ids.ts';

const order = z.strictObject({
  region: z.string(),
  person: z.string(),
  /** Apple's pages spell the closing of an account both ways. */
  type: z.enum(['consent-revoked', 'account-delete', 'account-deleted', 'email-disabled', 'email-enabled', 'other']),
  wrong: z.enum(['signature', 'issuer', 'audience', 'expired', 'no_events', 'id_token']).optional(),
});
type Options = { deps: StandInDeps; apps: App<'apple'>[]; idTokens: IdTokens; issuer: () => string };

export const appleNotificationRoutes = (app: FastifyInstance, { deps, apps, idTokens, issuer }: Options) =>
  app.post('/control/apple/notify', async (request, reply) => {
    const asked = parsePushOrder(order, request.body, reply);
    if (!asked) return reply;
    const found = apps.find((a) => a.region === asked.region);
    const person = loginPerson(asked.person);
    const url = found?.registration.pushUrl;
    if (!found || !person || !url) return reply.code(404).send({ error: 'unknown_region_person_or_address' });
    const { wrong, type } = asked;
    const iat = Math.floor(deps.now().getTime() / 1000) - (wrong === 'expired' ? 2 * 86_400 : 0);
    const email = type.startsWith('email') && { email: relayAddress(person), is_private_email: 'true' };
    const sub = appleSubject(found.teamId, person);
    const claims = {
      iss: wrong === 'issuer' ? otherProvider : issuer(),
      aud: wrong === 'audience' ? 'another.client' : found.clientId,
      iat,
      exp: iat + 86_400,
      jti: randomText(24),
      ...(wrong !== 'no_events' &&
        wrong !== 'id_token' && {
          events: JSON.stringify({ type, sub, event_time: iat * 1000, ...email }),
        }),
      // A genuine id_token of the same person, sent as if it were a notification.
      ...(wrong === 'id_token' && { sub }),
    };
    const payload =
      wrong === 'signature'
        ? await new SignJWT(claims)
            .setProtectedHeader({ alg: 'RS256', kid: deps.secrets.appleSigningKey.kid })
            .sign(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey)
        : await idTokens.signClaims(claims);
    const headers = { 'content-type': 'application/json' };
    return deliver(reply, { url, headers, body: JSON.stringify({ payload }) }, deps.pushTimeoutMs);
  });
