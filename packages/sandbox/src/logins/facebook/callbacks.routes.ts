// The deauthorize and data deletion callbacks, started by control:
// https://developers.facebook.com/docs/development/create-an-app/app-dashboard/data-deletion-callback/
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { randomHex } from '../../crypto/random.ts';
import { loginPerson } from '../people.ts';
import type { App } from '../registrations.ts';
import { deliver, parsePushOrder, type StandInDeps } from '../stand-in.ts';
import { facebookUserId } from './ids.ts';
import { signedRequest } from './signed-request.ts';

const order = z.strictObject({
  region: z.string(),
  person: z.string(),
  kind: z.enum(['deauthorize', 'data_deletion']),
  wrong: z.enum(['signature', 'algorithm', 'stale']).optional(),
});

export const facebookCallbackRoutes = (app: FastifyInstance, deps: StandInDeps, apps: App<'facebook'>[]) =>
  app.post('/control/facebook/callback', async (request, reply) => {
    const asked = parsePushOrder(order, request.body, reply);
    if (!asked) return reply;
    const found = apps.find((a) => a.region === asked.region);
    const person = loginPerson(asked.person);
    const url = asked.kind === 'deauthorize' ? found?.registration.pushUrl : found?.registration.deletionUrl;
    if (!found || !person || !url) return reply.code(404).send({ error: 'unknown_region_person_or_address' });
    const { wrong } = asked;
    const payload = {
      user_id: facebookUserId(found.appId, person),
      algorithm: wrong === 'algorithm' ? 'none' : 'HMAC-SHA256',
      issued_at: Math.floor(deps.now().getTime() / 1000) - (wrong === 'stale' ? 86_400 : 0),
    };
    const text = signedRequest(payload, wrong === 'signature' ? randomHex(16) : found.appSecret);
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = new URLSearchParams({ signed_request: text }).toString();
    return deliver(reply, { url, headers, body }, deps.pushTimeoutMs);
  });
