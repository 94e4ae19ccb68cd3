// The life of an account, published by identity, and each service's answer to its erasure.
import { z } from 'zod';
import { codeWord, idOf, timestamp } from '../common.ts';
import { serviceNames } from '../endpoint.ts';
import { event } from '../event.ts';

export const sagaId = idOf('sag');

export const accountRegistered = event({
  type: 'account-registered.v1',
  publishers: ['identity'],
  description: 'A new account exists.',
  data: z.object({ method: codeWord.describe('Registration method of the profile, e.g. "email_code"') }),
});

export const accountCancelled = event({
  type: 'account-cancelled.v1',
  publishers: ['identity'],
  description: 'The account is fenced: no session, key, hold or write of it is accepted from now on.',
  data: z.object({ sagaId }),
});

export const accountErasureRequested = event({
  type: 'account-erasure-requested.v1',
  publishers: ['identity'],
  description:
    'Every service has acknowledged the fence; each now erases what it holds of the account and answers account-erased.v1.',
  data: z.object({ sagaId }),
});

export const retainedClass = z.object({
  class: codeWord.describe('What is kept, e.g. "payments"'),
  count: z.number().int().nonnegative(),
  basis: z.string().max(200).describe("The legal basis, in the words of the region's profile"),
  until: z.iso.date().describe('Kept until, inclusive'),
});
export type RetainedClass = z.infer<typeof retainedClass>;

export const accountErased = event({
  type: 'account-erased.v1',
  publishers: ['identity', 'verification', 'billing', 'key-issuance', 'moderation'],
  description:
    'One service has erased its data of the account. Counts per class; what the law makes it keep is named with basis and date.',
  data: z.object({
    sagaId,
    service: z.enum(serviceNames),
    erased: z.record(codeWord, z.number().int().nonnegative()),
    retained: z.array(retainedClass).max(20),
  }),
});

export const sessionRevoked = event({
  type: 'session-revoked.v1',
  publishers: ['identity'],
  description:
    'A session, or every session begun before a moment, has ended. Services refuse its access tokens from their own table of not-before times.',
  data: z.object({
    sessionId: idOf('ses').nullable().describe('Null: every session of the account that began before `endedAt`'),
    endedAt: timestamp,
    reason: z.enum(['signed_out', 'reuse', 'credentials_changed', 'recovered', 'staff', 'too_many']),
  }),
});

export const events = [
  accountRegistered,
  accountCancelled,
  accountErasureRequested,
  accountErased,
  sessionRevoked,
] as const;
