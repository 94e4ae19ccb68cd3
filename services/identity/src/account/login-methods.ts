// The ways in which an account can be signed in to. A second factor alone is none.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { IdentitySchema } from '../db/schema.ts';

export const countLoginMethods = async (tx: Tx<IdentitySchema>, accountId: string): Promise<number> => {
  const { contacts } = await tx
    .selectFrom('contact')
    .select((e) => e.fn.countAll<bigint>().as('contacts'))
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow();
  // One that its provider has ended is none any more.
  const { logins } = await tx
    .selectFrom('linked_login')
    .select((e) => e.fn.countAll<bigint>().as('logins'))
    .where('account_id', '=', accountId)
    .where('ends_at', 'is', null)
    .executeTakeFirstOrThrow();
  return Number(contacts) + Number(logins);
};
