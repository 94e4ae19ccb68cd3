// Messages to the gateway address of an app, started by control: a person took back what they allowed it, and the check of the address.
// https://opendocs.alipay.com/open/b4f0d4cf_alipay.open.auth.userauth.cancelled
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { randomDigits } from '../../crypto/random.ts';
import { signRsaSha256, verifyRsaSha256 } from '../../crypto/rsa-sha256.ts';
import { type LoginPerson, loginPerson } from '../people.ts';
import type { App } from '../registrations.ts';
import { deliver, parsePushOrder, type StandInDeps } from '../stand-in.ts';
import { contentOf } from './gateway-signature.ts';

const order = z.strictObject({
  region: z.string(),
  person: z.string(),
  method: z.enum(['alipay.open.auth.userauth.cancelled', 'other']).default('alipay.open.auth.userauth.cancelled'),
  /** `person`: somebody else is put in after signing. */
  wrong: z
    .enum(['signature', 'unsigned', 'app_key', 'person', 'other_app', 'other_app_inside', 'stale', 'no_identifier'])
    .optional(),
});
const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8' };
const otherApp = '2021000000000000';

export const alipayMessageRoutes = (
  app: FastifyInstance,
  deps: StandInDeps,
  apps: App<'alipay'>[],
  identifiers: (grant: { appId: string; person: LoginPerson }) => object,
) => {
  const platformKey = deps.secrets.alipayPlatform.key.privateKey;

  app.post('/control/alipay/push', async (request, reply) => {
    const asked = parsePushOrder(order, request.body, reply);
    if (!asked) return reply;
    const { wrong } = asked;
    const found = apps.find((a) => a.region === asked.region);
    const person = loginPerson(asked.person);
    const url = found?.registration.pushUrl;
    if (!found || !person || !url) return reply.code(404).send({ error: 'unknown_region_person_or_address' });
    const { appId } = found;
    const now = deps.now().getTime();
    const content = (who: LoginPerson) =>
      JSON.stringify({
        cancel_time: now,
        ...(wrong !== 'no_identifier' && identifiers({ appId, person: who })),
        app_id: wrong === 'other_app_inside' ? otherApp : appId,
      });
    const message = {
      notify_id: randomDigits(34),
      utc_timestamp: String(now - (wrong === 'stale' ? 4 * 86_400_000 : 0)),
      msg_method: asked.method,
      app_id: wrong === 'other_app' ? otherApp : appId,
      version: '1.1',
      charset: 'UTF-8',
      biz_content: content(person),
    };
    // Messages are signed without sign_type, unlike requests.
    const text = contentOf(message);
    const key = wrong === 'app_key' ? found.key.privateKey : platformKey;
    const body = new URLSearchParams({
      ...message,
      ...(wrong === 'person' && { biz_content: content({ ...person, key: 'other' }) }),
      sign_type: 'RSA2',
      ...(wrong !== 'unsigned' && { sign: signRsaSha256(key, wrong === 'signature' ? `${text} ` : text) }),
    });
    return deliver(reply, { url, headers, body: body.toString() }, deps.pushTimeoutMs);
  });

  /** What the console does when an operator saves the address: the answer must hold the app's public key, signed with its private one. */
  app.post<{ Params: { region: string } }>('/control/alipay/handshake/:region', async (request, reply) => {
    const found = apps.find((a) => a.region === request.params.region);
    const url = found?.registration.pushUrl;
    if (!found || !url) return reply.code(404).send({ error: 'unknown_region_or_address' });
    const check = {
      service: 'alipay.service.check',
      charset: 'UTF-8',
      sign_type: 'RSA2',
      version: '1.0',
      biz_content: `<XML><AppId><![CDATA[${found.appId}]]></AppId><CreateTime>${deps.now().getTime()}</CreateTime><MsgType><![CDATA[event]]></MsgType><EventType><![CDATA[verifygw]]></EventType></XML>`,
    };
    const body = new URLSearchParams({ ...check, sign: signRsaSha256(platformKey, contentOf(check)) });
    const signal = AbortSignal.timeout(deps.pushTimeoutMs);
    const answer = await fetch(url, { method: 'POST', headers, body, signal });
    const text = await answer.text();
    const response = /<response>(.*)<\/response>/s.exec(text)?.[1] ?? '';
    const signature = /<sign>(.*)<\/sign>/s.exec(text)?.[1] ?? '';
    const publicKey = found.key.publicKey.replaceAll(/-----[A-Z ]+-----|\s/g, '');
    const verified =
      response === `<success>true</success><biz_content>${publicKey}</biz_content>` &&
      verifyRsaSha256(found.key.publicKey, response, signature);
    return { status: answer.status, verified };
  });
};
