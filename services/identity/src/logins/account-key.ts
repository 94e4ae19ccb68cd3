// The key of one account, for what is sealed with it. A missing row means that the account was erased.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { AccountKey, ContactVault } from '../contacts/contact-vault.ts';
import type { IdentitySchema } from '../db/schema.ts';

export const accountKeyOf = async (
  tx: Tx<IdentitySchema>,
  vault: ContactVault,
  accountId: string,
): Promise<AccountKey> => {
  const { wrapped } = await tx
    .selectFrom('account_key')
    .select('wrapped')
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow();
  return vault.unwrap(accountId, wrapped);
};
