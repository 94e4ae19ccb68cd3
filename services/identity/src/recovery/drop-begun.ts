// What was begun with an account's credentials of before, and not finished, ends with them: who began it may be who is being shut out.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { IdentitySchema } from '../db/schema.ts';
import { deletePendingOf } from '../factors/factor.store.ts';
import { stopRecoveriesOf } from './recovery.store.ts';
import { stopTicketsOf } from './ticket.store.ts';

/** After a change of credentials by the owner, or a sign-out everywhere: sign-ins that wait for a second factor, recoveries and tickets. */
export const dropBegun = async (tx: Tx<IdentitySchema>, accountId: string, now: Date): Promise<void> => {
  await deletePendingOf(tx, accountId);
  await stopRecoveriesOf(tx, accountId, now);
  await stopTicketsOf(tx, accountId, now);
};
