import { eraseOnRequest } from '@meridian/kit/account/erasure.ts';
import type { Reaction } from '@meridian/kit/events/reaction.ts';
import type { BillingSchema } from '../db/schema.ts';
import type { Billing } from '../platform.ts';
import { eraseAccount } from './erase-account.ts';

export const accountsReactions = ({ platform, region, deps }: Billing): Reaction<BillingSchema>[] => {
  const { service, now } = platform;
  const retention = region.profile.retention.payments;
  return [
    eraseOnRequest<BillingSchema>(
      { service, region: region.id, now },
      { erase: (tx, accountId) => eraseAccount(tx, deps, { accountId, retention }) },
    ),
  ];
};
