// Facebook's deauthorize and data deletion callbacks; both carry a signed_request, so the address says which it is: the deletion callback is
// registered with ?purpose=deletion. https://developers.facebook.com/docs/development/create-an-app/app-dashboard/data-deletion-callback/
import { createHmac } from 'node:crypto';
import { equalInConstantTime } from '@meridian/kit/auth/constant-time.ts';
import type { Now } from '@meridian/kit/ids.ts';
import { z } from 'zod';
import { LoginError, type Push, type PushAnswer, type PushRequest } from './login-provider.ts';

const payload = z.looseObject({
  user_id: z.string().regex(/^[0-9]{1,30}$/),
  algorithm: z.literal('HMAC-SHA256'),
  issued_at: z.number().int().positive(),
});
/** Older ones are replays. */
const windowMs = 12 * 3_600_000;
const refuse = (reason: string): never => {
  throw new LoginError('facebook', 'invalid_callback', reason);
};
const read = (text: string) => {
  try {
    const parsed = payload.safeParse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
    if (parsed.success) return parsed.data;
  } catch {
    // Not JSON: refused below, without quoting it.
  }
  return refuse('unreadable_body');
};

export const createFacebookPushes =
  ({ appId, appSecret, now }: { appId: string; appSecret: string; now: Now }) =>
  async ({ method, query, body }: PushRequest): Promise<Push> => {
    const [signature = '', content = ''] = (new URLSearchParams(body).get('signed_request') ?? '').split('.');
    if (method !== 'POST' || content === '') refuse('unreadable_body');
    const expected = createHmac('sha256', appSecret).update(content).digest('base64url');
    // 32 bytes are padded by one sign at most.
    if (!equalInConstantTime(signature.replace(/=$/, ''), expected)) refuse('signature');
    const { user_id: value, issued_at: issuedAt } = read(content);
    const at = new Date(issuedAt * 1_000);
    if (Math.abs(at.getTime() - now().getTime()) > windowMs) refuse('timestamp');
    const kind = query.purpose === 'deletion' ? 'deletion_requested' : 'revoked';
    return {
      kind: 'events',
      events: [{ kind, subjectIds: [{ provider: 'facebook', app: appId, kind: 'user_id', value }], at }],
      // A deletion must be answered by deletionAnswer instead, once there is a code.
      answer: { contentType: 'application/json', body: '{}' },
    };
  };

/** What Facebook shows the person: a page they can read, and the code by which they can ask about it. */
export const deletionAnswer = (url: string, confirmationCode: string): PushAnswer => ({
  contentType: 'application/json',
  body: JSON.stringify({ url, confirmation_code: confirmationCode }),
});
