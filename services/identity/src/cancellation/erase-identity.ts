// Deletes what identity holds of an account. Deleting the account's key makes its sealed contacts unreadable in every backup, too.
import type { RetainedClass } from '@meridian/contracts/events/lifecycle.ts';
import { eraseStoredAnswers } from '@meridian/kit/account/erasure.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import type { Profile } from '@meridian/regions/profile.ts';
import { deleteCodesOf } from '../codes/code.store.ts';
import { blindIndexesOf } from '../contacts/contact.store.ts';
import type { IdentitySchema } from '../db/schema.ts';
import { countSecurityLogOf, keptUntil } from '../security-log/security-log.store.ts';

export type Erasure = { readonly erased: Record<string, number>; readonly retained: RetainedClass[] };

const count = async (query: { executeTakeFirst: () => Promise<{ numDeletedRows: bigint }> }) =>
  Number((await query.executeTakeFirst()).numDeletedRows);

export const eraseIdentity = async (
  tx: Tx<IdentitySchema>,
  { retention, now }: { retention: Profile['retention']; now: Date },
  accountId: string,
): Promise<Erasure> => {
  const codes = await deleteCodesOf(tx, accountId, await blindIndexesOf(tx, accountId));
  const contacts = await count(tx.deleteFrom('contact').where('account_id', '=', accountId));
  const sessions = await count(tx.deleteFrom('session').where('account_id', '=', accountId));
  const keys = await count(tx.deleteFrom('account_key').where('account_id', '=', accountId));
  const consents = await count(tx.deleteFrom('consent').where('account_id', '=', accountId));
  await tx.deleteFrom('account_fence').where('account_id', '=', accountId).execute();
  const accounts = await count(tx.deleteFrom('account').where('id', '=', accountId));
  const answers = await eraseStoredAnswers(tx, accountId);
  const logged = await countSecurityLogOf(tx, accountId);
  const { months, basis } = retention.securityLog;
  const until = keptUntil(now, months).toISOString().slice(0, 10);
  return {
    erased: { accounts, contacts, codes, sessions, encryption_keys: keys, consents, ...answers },
    retained: logged > 0 ? [{ class: 'security_log', count: logged, basis, until }] : [],
  };
};
