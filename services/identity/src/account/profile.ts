// What a person chose to be called, sealed with the account's key, and the language of messages.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { ContactVault } from '../contacts/contact-vault.ts';
import type { IdentitySchema } from '../db/schema.ts';

type Language = 'zh-CN' | 'en';
type Stored = {
  readonly id: string;
  readonly display_name: Buffer | null;
  readonly language: Language | null;
  readonly wrapped: Buffer;
};

export const openProfile = (vault: ContactVault, { id, display_name: sealed, language, wrapped }: Stored) => ({
  displayName: sealed === null ? null : vault.open(vault.unwrap(id, wrapped), 'display name', sealed),
  language,
});

/** Members that are absent stay as they are. */
export const setProfile = async (
  tx: Tx<IdentitySchema>,
  vault: ContactVault,
  accountId: string,
  { displayName, language }: { displayName?: string | null | undefined; language?: Language | null | undefined },
): Promise<void> => {
  const { wrapped } = await tx
    .selectFrom('account_key')
    .select('wrapped')
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow();
  const sealed = displayName ? vault.seal(vault.unwrap(accountId, wrapped), 'display name', displayName) : null;
  const changes = {
    ...(displayName !== undefined && { display_name: sealed }),
    ...(language !== undefined && { language }),
  };
  if (Object.keys(changes).length > 0)
    await tx.updateTable('account').set(changes).where('id', '=', accountId).execute();
};
