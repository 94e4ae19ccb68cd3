// Pushes about changed authorizations, started by control:
// https://developers.weixin.qq.com/doc/oplatform/Website_App/WeChat_Login/authorization_change.md
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { randomDigits, randomText } from '../../crypto/random.ts';
import { withQuery } from '../login-page.ts';
import { loginPerson } from '../people.ts';
import type { App } from '../registrations.ts';
import { deliver, parsePushOrder, type StandInDeps } from '../stand-in.ts';
import { wechatOpenId, wechatUnionId } from './ids.ts';
import { encryptMessage, sha1Signature, writeMessage } from './push-message.ts';

const order = z.strictObject({
  region: z.string(),
  person: z.string(),
  event: z.enum(['user_info_modified', 'user_authorization_revoke', 'user_authorization_cancellation', 'other']),
  format: z.enum(['xml', 'json']).default('json'),
  /** Plain messages are WeChat's unsafe mode. */
  encrypted: z.boolean().default(true),
  /** Leave out the union id, as for an app that has none. */
  noUnionId: z.boolean().default(false),
  wrong: z.enum(['signature', 'message_signature', 'key', 'other_app', 'stale', 'padding']).optional(),
});

export const wechatPushRoutes = (app: FastifyInstance, deps: StandInDeps, apps: App<'wechat'>[]) => {
  const seconds = () => Math.floor(deps.now().getTime() / 1000);

  app.post('/control/wechat/push', async (request, reply) => {
    const asked = parsePushOrder(order, request.body, reply);
    if (!asked) return reply;
    const found = apps.find((a) => a.region === asked.region);
    const person = loginPerson(asked.person);
    const url = found?.registration.pushUrl;
    if (!found || !person || !url) return reply.code(404).send({ error: 'unknown_region_person_or_address' });
    const { wrong, format } = asked;
    const appId = wrong === 'other_app' ? 'wx0000000000000000' : found.appId;
    const fields = {
      ToUserName: 'gh_870882ca4b1',
      FromUserName: 'owAqB1v0ahK_Xlc7GshIDdf2yf7E',
      CreateTime: seconds(),
      MsgType: 'event',
      Event: asked.event,
      OpenID: wechatOpenId(found.appId, person),
      ...(!asked.noUnionId && { UnionID: wechatUnionId(found.region, person) }),
      AppID: appId,
      ...(asked.event === 'user_authorization_revoke' && { RevokeInfo: '301' }),
    };
    const timestamp = String(seconds() - (wrong === 'stale' ? 3600 : 0));
    const nonce = randomDigits(10);
    const token = wrong === 'signature' ? randomText(24) : found.pushToken;
    const common = { signature: sha1Signature(token, timestamp, nonce), timestamp, nonce };
    const headers = { 'content-type': format === 'xml' ? 'text/xml' : 'application/json' };
    const message = writeMessage(fields, format);
    if (!asked.encrypted)
      return deliver(reply, { url: withQuery(url, common).href, headers, body: message }, deps.pushTimeoutMs);
    const key = wrong === 'key' ? randomText(43) : found.encodingAesKey;
    const sealed = encryptMessage(message, appId, key);
    const encrypted = wrong === 'padding' ? Buffer.from(sealed, 'base64').subarray(16).toString('base64') : sealed;
    const messageToken = wrong === 'message_signature' ? randomText(24) : token;
    const query = {
      ...common,
      encrypt_type: 'aes',
      msg_signature: sha1Signature(messageToken, timestamp, nonce, encrypted),
    };
    const body = writeMessage({ ToUserName: fields.ToUserName, Encrypt: encrypted }, format);
    return deliver(reply, { url: withQuery(url, query).href, headers, body }, deps.pushTimeoutMs);
  });

  /** What WeChat does when an operator saves the address: a GET whose echostr must come back as it is. */
  app.post<{ Params: { region: string } }>('/control/wechat/handshake/:region', async (request, reply) => {
    const found = apps.find((a) => a.region === request.params.region);
    const url = found?.registration.pushUrl;
    if (!found || !url) return reply.code(404).send({ error: 'unknown_region_or_address' });
    const [timestamp, nonce, echostr] = [String(seconds()), randomDigits(10), randomDigits(19)];
    const query = { signature: sha1Signature(found.pushToken, timestamp, nonce), timestamp, nonce, echostr };
    const answer = await fetch(withQuery(url, query), { signal: AbortSignal.timeout(deps.pushTimeoutMs) });
    return { status: answer.status, verified: (await answer.text()) === echostr };
  });
};
