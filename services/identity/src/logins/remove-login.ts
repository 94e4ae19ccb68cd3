// Takes a login off an account, and sees to it that the provider ends what the person allowed us there.
import type { Tx } from '@meridian/kit/db/database.ts';
import { newId } from '@meridian/kit/ids.ts';
import type { FederatedLogin } from '@meridian/regions/profile.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { accountKeyOf } from './account-key.ts';
import { deleteLoginRow, loginsOf } from './linked-login.store.ts';
import { closeDeletions, forgetDeletionDates } from './login-push.store.ts';
import { insertRevocation } from './revocation.store.ts';

type Deps = Pick<IdentityDeps, 'region' | 'now' | 'vault' | 'loginSecrets'>;
export type LinkedLogin = {
  readonly id: string;
  readonly account_id: string;
  readonly provider: FederatedLogin;
  readonly sealed_revocation: Buffer | null;
};

/** Sealed anew with the region's key: the account's own may be gone by the time the provider answers. */
const queueRevocation = async (tx: Tx<IdentitySchema>, deps: Deps, login: LinkedLogin): Promise<void> => {
  if (login.sealed_revocation === null) return;
  const key = await accountKeyOf(tx, deps.vault, login.account_id);
  const token = deps.vault.open(key, `${login.id} revocation`, login.sealed_revocation);
  const now = deps.now();
  const id = newId('rvk', deps.region.id, now);
  const sealed = deps.loginSecrets.sealRevocation(id, token);
  await insertRevocation(tx, { id, provider: login.provider, sealed, now });
};

export const removeLogin = async (tx: Tx<IdentitySchema>, deps: Deps, login: LinkedLogin): Promise<void> => {
  await queueRevocation(tx, deps, login);
  await deleteLoginRow(tx, login.id);
  await closeDeletions(tx, login.account_id, login.provider);
};

/** At erasure: answers how many logins go with the account. */
export const releaseLogins = async (tx: Tx<IdentitySchema>, deps: Deps, accountId: string): Promise<number> => {
  const logins = await loginsOf(tx, accountId);
  for (const login of logins) {
    await queueRevocation(tx, deps, login);
    await deleteLoginRow(tx, login.id);
  }
  await forgetDeletionDates(tx, accountId);
  return logins.length;
};
