// Pushes of WeChat in its safe mode: https://developers.weixin.qq.com/doc/oplatform/Website_App/WeChat_Login/message_push.md
// What they say: …/authorization_change.md. Plain messages are refused: their signature does not cover the body.
import { createDecipheriv, createHash } from 'node:crypto';
import { equalInConstantTime } from '@meridian/kit/auth/constant-time.ts';
import type { Now } from '@meridian/kit/ids.ts';
import { isIdentifier } from './callback.ts';
import { LoginError, type Push, type PushEvent, type PushRequest, type SubjectId } from './login-provider.ts';

export type WechatPushOptions = {
  readonly appId: string;
  readonly pushToken: string;
  readonly encodingAesKey: string;
  readonly now: Now;
};

/** How far the timestamp of a push may be away; older ones are replays. */
const windowMs = 10 * 60_000;
const kinds: Readonly<Record<string, PushEvent['kind']>> = {
  user_info_modified: 'info_modified',
  user_authorization_revoke: 'revoked',
  user_authorization_cancellation: 'closed',
};
const success = { contentType: 'text/plain', body: 'success' };
const refuse = (reason: string): never => {
  throw new LoginError('wechat', 'invalid_callback', reason);
};

const signatureOf = (...parts: string[]) => createHash('sha1').update(parts.sort().join('')).digest('hex');

/** The members of a message, which is flat, in either format. Only what a flat message can be is read: no entities, no nesting. */
const readMessage = (text: string): Readonly<Record<string, string>> => {
  if (!text.trimStart().startsWith('<')) {
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value !== 'object' || value === null) return {};
      // Some of the vendor's samples have blanks around names.
      return Object.fromEntries(Object.entries(value).map(([name, member]) => [name.trim(), String(member)]));
    } catch {
      return refuse('unreadable_body');
    }
  }
  // Both classes end at the next tag: whatever is sent is looked at once.
  const members = text.matchAll(/<([A-Za-z]{1,40})>(?:<!\[CDATA\[([^\]<]*)\]\]>|([^<]*))<\/\1>/g);
  return Object.fromEntries([...members].map(([, name = '', quoted, plain]) => [name, quoted ?? plain ?? '']));
};

const decrypt = (encrypted: string, { encodingAesKey, appId }: WechatPushOptions): string => {
  try {
    const key = Buffer.from(`${encodingAesKey}=`, 'base64');
    const decipher = createDecipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false);
    const padded = Buffer.concat([decipher.update(Buffer.from(encrypted, 'base64')), decipher.final()]);
    const fill = padded.at(-1) ?? 0;
    if (fill < 1 || fill > 32) return refuse('decryption');
    const plain = padded.subarray(0, padded.length - fill);
    const end = 20 + plain.readUInt32BE(16);
    if (end > plain.length || plain.subarray(end).toString() !== appId) return refuse('other_app');
    return plain.subarray(20, end).toString('utf8');
  } catch (error) {
    if (error instanceof LoginError) throw error;
    return refuse('decryption');
  }
};

export const createWechatPushes =
  (options: WechatPushOptions) =>
  async ({ method, query, body }: PushRequest): Promise<Push> => {
    const { timestamp = '', nonce = '' } = query;
    const fresh = Math.abs(Number(timestamp) * 1_000 - options.now().getTime()) <= windowMs;
    if (!/^[0-9]{1,12}$/.test(timestamp) || !fresh) refuse('timestamp');
    if (method === 'GET') {
      const right = equalInConstantTime(query.signature ?? '', signatureOf(options.pushToken, timestamp, nonce));
      const echo = query.echostr ?? '';
      if (!right || !/^[A-Za-z0-9]{1,100}$/.test(echo)) refuse('signature');
      return { kind: 'handshake', answer: { contentType: 'text/plain', body: echo } };
    }
    if (query.encrypt_type !== 'aes') refuse('not_encrypted');
    const encrypted = readMessage(body).Encrypt ?? '';
    if (encrypted === '') refuse('not_encrypted');
    const expected = signatureOf(options.pushToken, timestamp, nonce, encrypted);
    if (!equalInConstantTime(query.msg_signature ?? '', expected)) refuse('signature');

    const message = readMessage(decrypt(encrypted, options));
    const kind = kinds[message.Event ?? ''];
    if (kind === undefined) return { kind: 'events', events: [], answer: success };
    if (message.AppID !== options.appId) refuse('other_app');
    const ids = (['unionid', 'openid'] as const).flatMap((idKind): SubjectId[] => {
      const value = idKind === 'unionid' ? message.UnionID : message.OpenID;
      return isIdentifier(value) ? [{ provider: 'wechat', app: options.appId, kind: idKind, value }] : [];
    });
    const [first, ...rest] = ids;
    // Seen: user_info_modified without an id. It names nobody.
    if (first === undefined) return { kind: 'events', events: [], answer: success };
    const at = new Date(Number(message.CreateTime ?? timestamp) * 1_000);
    if (Number.isNaN(at.getTime())) refuse('unreadable_body');
    return { kind: 'events', events: [{ kind, subjectIds: [first, ...rest], at }], answer: success };
  };
