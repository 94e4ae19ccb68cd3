// What Alipay sends to the gateway address of an app (应用网关): a form signed with its key, whose `biz_content` is JSON; only the check of the
// address has XML. https://opendocs.alipay.com/open/b4f0d4cf_alipay.open.auth.userauth.cancelled, messages as apps have logged them.
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import type { Now } from '@meridian/kit/ids.ts';
import { z } from 'zod';
import { contentOf } from './alipay-gateway.ts';
import { isIdentifier } from './callback.ts';
import { LoginError, type Push, type PushAnswer, type PushRequest, type SubjectId } from './login-provider.ts';

const provider = 'alipay';
/** Milliseconds since 1970, as a number or as text. */
const milliseconds = z.coerce.number().int().positive().max(8.64e15);
const cancellation = z.looseObject({ app_id: z.string(), cancel_time: milliseconds });
/** Alipay repeats a message for about a day. Older ones are replays. */
const windowMs = 3 * 24 * 3_600_000;
const taken: PushAnswer = { contentType: 'text/plain', body: 'success' };

const refuse = (reason: string): never => {
  throw new LoginError(provider, 'invalid_callback', reason);
};
const read = (text: string | undefined) => {
  try {
    const parsed = cancellation.safeParse(JSON.parse(text ?? ''));
    if (parsed.success) return parsed.data;
  } catch {
    // Not JSON: refused below, without quoting it.
  }
  return refuse('unreadable_body');
};

/** What the console waits for when an operator saves the address: our public key, signed. It says the same to everybody. */
const addressProof = (privateKey: string): PushAnswer => {
  const ours = createPrivateKey(privateKey);
  const publicKey = createPublicKey(ours).export({ type: 'spki', format: 'der' }).toString('base64');
  const response = `<success>true</success><biz_content>${publicKey}</biz_content>`;
  const signature = sign('sha256', Buffer.from(response), ours).toString('base64');
  return {
    contentType: 'text/xml; charset=utf-8',
    body: `<?xml version="1.0" encoding="UTF-8"?><alipay><response>${response}</response><sign>${signature}</sign><sign_type>RSA2</sign_type></alipay>`,
  };
};

export const createAlipayPushes = (options: {
  readonly appId: string;
  readonly privateKey: string;
  readonly alipayPublicKey: string;
  readonly now: Now;
}) => {
  const { appId, now } = options;
  const theirs = createPublicKey(options.alipayPublicKey);
  const checked = addressProof(options.privateKey);

  return async ({ method, body }: PushRequest): Promise<Push> => {
    if (method !== 'POST') refuse('method');
    const parameters = [...new URLSearchParams(body)].filter(([, value]) => value !== '');
    const { sign: signature = '', ...said } = Object.fromEntries(parameters);
    const { sign_type: signType, ...withoutType } = said;
    if (signType !== 'RSA2') refuse('sign_type');
    const proves = (signed: Readonly<Record<string, string>>) =>
      verify('sha256', Buffer.from(contentOf(signed)), theirs, Buffer.from(signature, 'base64'));
    // The check of the address is signed with sign_type, messages are without: either is Alipay's.
    if (!proves(withoutType) && !proves(said)) refuse('signature');
    if (said.service === 'alipay.service.check') return { kind: 'handshake', answer: checked };

    if (said.app_id !== appId) refuse('other_app');
    const sentAt = milliseconds.safeParse(said.utc_timestamp);
    if (!sentAt.success || Math.abs(sentAt.data - now().getTime()) > windowMs) refuse('timestamp');
    if (said.msg_method !== 'alipay.open.auth.userauth.cancelled') return { kind: 'events', events: [], answer: taken };
    const cancelled = read(said.biz_content);
    if (cancelled.app_id !== appId) refuse('other_app');
    const [first, ...rest] = (['user_id', 'open_id'] as const).flatMap((kind): SubjectId[] => {
      const value = cancelled[kind];
      return isIdentifier(value) ? [{ provider, app: appId, kind, value }] : [];
    });
    if (first === undefined) return refuse('no_identifier');
    const at = new Date(cancelled.cancel_time);
    const id = said.notify_id === undefined ? {} : { id: said.notify_id };
    return { kind: 'events', events: [{ kind: 'revoked', subjectIds: [first, ...rest], at, ...id }], answer: taken };
  };
};
