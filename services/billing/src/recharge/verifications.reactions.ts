import { verificationApproved, verificationUpgraded } from '@meridian/contracts/events/verification.ts';
import { type Reaction, reaction } from '@meridian/kit/events/reaction.ts';
import type { BillingSchema } from '../db/schema.ts';
import { saveVerified } from './verified-account.store.ts';

export const verificationsReactions = (): Reaction<BillingSchema>[] => [
  reaction<BillingSchema, typeof verificationApproved>(verificationApproved, (tx, { accountId, data, time }) =>
    saveVerified(tx, { accountId, kind: data.kind, at: time }),
  ),
  reaction<BillingSchema, typeof verificationUpgraded>(verificationUpgraded, (tx, { accountId, data, time }) =>
    saveVerified(tx, { accountId, kind: data.kind, at: time }),
  ),
];
