// Use case: tell the owner of an account, at every address it has, what just changed. Sent after the commit, and again after a crash.
import type { Tx } from '@meridian/kit/db/database.ts';
import { newId } from '@meridian/kit/ids.ts';
import { openContacts } from '../contacts/contact.store.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { insertNotice } from './notice.store.ts';
import type { NoticeKind } from './notice.ts';

export type TellDeps = Pick<IdentityDeps, 'region' | 'now' | 'vault'>;

/** Call it before an address is removed: that one must be told, too. `extra` is for the addresses alone. Answers how many were told, and to how many of them an SMS goes. */
export const tellOwner = async (
  tx: Tx<IdentitySchema>,
  { region, now, vault }: TellDeps,
  { accountId, kind, extra }: { accountId: string; kind: NoticeKind; extra?: string },
): Promise<{ told: number; bySms: number }> => {
  const owner = await tx
    .selectFrom('account')
    .innerJoin('account_key', 'account_key.account_id', 'account.id')
    .select(['account.language', 'account_key.wrapped'])
    .where('account.id', '=', accountId)
    .executeTakeFirstOrThrow();
  const key = vault.unwrap(accountId, owner.wrapped);
  const contacts = await openContacts(tx, vault, accountId);
  for (const contact of contacts) {
    const id = newId('ntc', region.id, now());
    await insertNotice(tx, {
      id,
      accountId,
      kind,
      channel: contact.kind,
      sealedTo: vault.seal(key, id, contact.value),
      sealedExtra: extra === undefined ? null : vault.seal(key, `${id} extra`, extra),
      language: owner.language ?? region.profile.languages[0] ?? 'en',
      at: now(),
    });
  }
  return { told: contacts.length, bySms: contacts.filter(({ kind: channel }) => channel === 'phone').length };
};
