// What cannot be undone waits after a recovery and after a change of credentials: the owner was told of it and must have the time to act.
import { accountRestricted } from '@meridian/contracts/common.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { Now } from '@meridian/kit/ids.ts';
import { findAccount } from '../account/account.store.ts';
import type { IdentitySchema } from '../db/schema.ts';
import { credentialsChangedAt } from '../security-log/security-log.store.ts';
import { frozenUntil } from './cancellation.ts';

export const assertNotFrozen = async (
  tx: Tx<IdentitySchema>,
  { now }: { now: Now },
  accountId: string,
): Promise<void> => {
  const account = await findAccount(tx, accountId);
  const credentialsChanged = await credentialsChangedAt(tx, accountId);
  const until = frozenUntil({ restrictedUntil: account?.restricted_until ?? null, credentialsChanged }, now());
  if (until !== undefined)
    fail(accountRestricted, {
      detail: `The account can be cancelled from ${until.toISOString()} on: it was recovered, or how to sign in to it changed, a short while ago`,
      until: until.toISOString(),
    });
};
