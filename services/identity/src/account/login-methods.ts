// The ways in which an account can be signed in to. A second factor alone is none.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { IdentitySchema } from '../db/schema.ts';

export const countLoginMethods = async (tx: Tx<IdentitySchema>, accountId: string): Promise<number> => {
  const { contacts } = await tx
    .selectFrom('contact')
    .select((e) => e.fn.countAll<bigint>().as('contacts'))
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow();
  return Number(contacts);
};
