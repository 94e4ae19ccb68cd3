// Erases recoveries and tickets of an account, and those that merely named one of its addresses when it belonged to nobody.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { IdentitySchema } from '../db/schema.ts';

/** Answers how many rows went. */
export const eraseRecoveries = async (
  tx: Tx<IdentitySchema>,
  accountId: string,
  blindIndexes: readonly string[],
): Promise<number> => {
  const indexes = [...blindIndexes];
  const recoveries = await tx
    .deleteFrom('recovery')
    .where((e) => e.or([e('account_id', '=', accountId), e('identifier_hash', '=', e.fn.any(e.val(indexes)))]))
    .executeTakeFirst();
  const tickets = await tx
    .deleteFrom('recovery_ticket')
    .where((e) =>
      e.or([
        e('account_id', '=', accountId),
        e.and([e('account_id', 'is', null), e('contact_hash', '=', e.fn.any(e.val(indexes)))]),
      ]),
    )
    .executeTakeFirst();
  return Number(recoveries.numDeletedRows + tickets.numDeletedRows);
};
