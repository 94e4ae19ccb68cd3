// Apple's server-to-server notifications: a JWT in `payload`, whose `events` is JSON inside a string.
// https://developer.apple.com/documentation/signinwithapple/processing-changes-for-sign-in-with-apple-accounts
import type { JWTPayload } from 'jose';
import { z } from 'zod';
import { LoginError, type Push, type PushEvent, type PushRequest } from './login-provider.ts';

const envelope = z.looseObject({ payload: z.string().max(16_384) });
const event = z.looseObject({
  type: z.string().max(60),
  sub: z.string().regex(/^[\x21-\x7e]{1,255}$/),
  event_time: z.number().int().positive(),
});
/** Apple's pages spell the closing of an account in two ways. */
const kinds: Readonly<Record<string, PushEvent['kind']>> = {
  'consent-revoked': 'revoked',
  'account-delete': 'closed',
  'account-deleted': 'closed',
  'email-disabled': 'email_changed',
  'email-enabled': 'email_changed',
};
const answer = { contentType: 'text/plain', body: '' };

const parse = <T extends z.ZodType>(schema: T, text: unknown): z.output<T> => {
  try {
    const read = schema.safeParse(typeof text === 'string' ? JSON.parse(text) : text);
    if (read.success) return read.data;
  } catch {
    // Not JSON: refused below, without quoting it.
  }
  throw new LoginError('apple', 'invalid_callback', 'unreadable_body');
};

export const createApplePushes =
  ({ app, verify }: { app: string; verify: (token: string) => Promise<JWTPayload> }) =>
  async ({ method, body }: PushRequest): Promise<Push> => {
    if (method !== 'POST') throw new LoginError('apple', 'invalid_callback', 'method');
    const claims = await verify(parse(envelope, body).payload).catch((error: unknown) => {
      // Here the token comes from anybody who knows the address: a bad one is no fault of Apple's.
      if (error instanceof LoginError && error.code === 'provider_error')
        throw new LoginError('apple', 'invalid_callback', error.reason);
      throw error;
    });
    const { type, sub, event_time: at } = parse(event, claims.events);
    const kind = kinds[type];
    const id = typeof claims.jti === 'string' ? { id: claims.jti.slice(0, 200) } : {};
    const events: PushEvent[] =
      kind === undefined
        ? []
        : [{ kind, subjectIds: [{ provider: 'apple', app, kind: 'sub', value: sub }], at: new Date(at), ...id }];
    return { kind: 'events', events, answer };
  };
