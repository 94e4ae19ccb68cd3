// Deletes what identity holds of an account. Deleting the account's key makes its sealed contacts unreadable in every backup, too.
import type { RetainedClass } from '@meridian/contracts/events/lifecycle.ts';
import { eraseStoredAnswers } from '@meridian/kit/account/erasure.ts';
import { addMonths } from '@meridian/kit/add-months.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { deleteCodesOf } from '../codes/code.store.ts';
import { blindIndexesOf } from '../contacts/contact.store.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { releaseLogins } from '../logins/remove-login.ts';
import { eraseRecoveries } from '../recovery/erase-recoveries.ts';
import { countSecurityLogOf } from '../security-log/security-log.store.ts';
import { countStaffActionsOn } from '../staff/staff.store.ts';

export type Erasure = { readonly erased: Record<string, number>; readonly retained: RetainedClass[] };

const count = async (query: { executeTakeFirst: () => Promise<{ numDeletedRows: bigint }> }) =>
  Number((await query.executeTakeFirst()).numDeletedRows);

export const eraseIdentity = async (
  tx: Tx<IdentitySchema>,
  deps: Pick<IdentityDeps, 'region' | 'now' | 'vault' | 'loginSecrets'>,
  accountId: string,
): Promise<Erasure> => {
  const now = deps.now();
  // While its tickets are there, which staff decided by their own ids.
  const audited = await countStaffActionsOn(tx, accountId);
  // While the account's key can still open what must be ended at the providers.
  const logins = await releaseLogins(tx, deps, accountId);
  const indexes = await blindIndexesOf(tx, accountId);
  const codes = await deleteCodesOf(tx, accountId, indexes);
  const recoveries = await eraseRecoveries(tx, accountId, indexes);
  const contacts = await count(tx.deleteFrom('contact').where('account_id', '=', accountId));
  const passwords = await count(tx.deleteFrom('password').where('account_id', '=', accountId));
  const authenticators = await count(tx.deleteFrom('totp').where('account_id', '=', accountId));
  const recoveryCodes = await count(tx.deleteFrom('recovery_code').where('account_id', '=', accountId));
  const passkeys = await count(tx.deleteFrom('passkey').where('account_id', '=', accountId));
  const devices = await count(tx.deleteFrom('known_device').where('account_id', '=', accountId));
  const sessions = await count(tx.deleteFrom('session').where('account_id', '=', accountId));
  const keys = await count(tx.deleteFrom('account_key').where('account_id', '=', accountId));
  const consents = await count(tx.deleteFrom('consent').where('account_id', '=', accountId));
  await tx.deleteFrom('account_fence').where('account_id', '=', accountId).execute();
  const accounts = await count(tx.deleteFrom('account').where('id', '=', accountId));
  const answers = await eraseStoredAnswers(tx, accountId);
  const kept = { security_log: await countSecurityLogOf(tx, accountId), staff_audit: audited };
  const { months, basis } = deps.region.profile.retention.securityLog;
  const until = addMonths(now, months).toISOString().slice(0, 10);
  return {
    erased: {
      accounts,
      contacts,
      logins,
      codes,
      recoveries,
      sessions,
      encryption_keys: keys,
      consents,
      passwords,
      authenticators,
      recovery_codes: recoveryCodes,
      passkeys,
      known_devices: devices,
      ...answers,
    },
    retained: Object.entries(kept).flatMap(([name, rows]) =>
      rows > 0 ? [{ class: name, count: rows, basis, until }] : [],
    ),
  };
};
