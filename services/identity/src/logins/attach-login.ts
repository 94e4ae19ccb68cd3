// Writes a proven login to an account, new or known. Whoever calls has decided that it belongs there, and holds the lock of its ids.
import type { Tx } from '@meridian/kit/db/database.ts';
import { newId } from '@meridian/kit/ids.ts';
import type { AccountKey } from '../contacts/contact-vault.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import type { ProvenLogin } from '../providers/login-provider.ts';
import { accountKeyOf } from './account-key.ts';
import { addSubjects, type FoundLogin, findLogin, insertLogin, setEnds, touchLogin } from './linked-login.store.ts';
import { hasOpenDeletion } from './login-push.store.ts';

type Deps = Pick<IdentityDeps, 'region' | 'now' | 'vault' | 'loginSecrets'>;

const sealedParts = ({ vault }: Deps, key: AccountKey, loginId: string, proven: ProvenLogin) => ({
  sealedName: proven.displayName === undefined ? null : vault.seal(key, `${loginId} name`, proven.displayName),
  sealedRevocation:
    proven.revocationToken === undefined ? null : vault.seal(key, `${loginId} revocation`, proven.revocationToken),
});

export const attachLogin = async (
  tx: Tx<IdentitySchema>,
  deps: Deps,
  { accountId, key, proven, now }: { accountId: string; key: AccountKey; proven: ProvenLogin; now: Date },
): Promise<string> => {
  const id = newId('lnk', deps.region.id, now);
  const { provider } = proven.subjectIds[0];
  await insertLogin(tx, { id, accountId, provider, ...sealedParts(deps, key, id, proven), now });
  await addSubjects(tx, deps.loginSecrets, id, proven.subjectIds);
  return id;
};

/** A known login was used. False when it was unlinked meanwhile. */
export const refreshLogin = async (
  tx: Tx<IdentitySchema>,
  deps: Deps,
  { loginId, accountId }: FoundLogin,
  proven: ProvenLogin,
): Promise<boolean> => {
  const { sealedName, sealedRevocation } = sealedParts(
    deps,
    await accountKeyOf(tx, deps.vault, accountId),
    loginId,
    proven,
  );
  const there = await touchLogin(tx, loginId, {
    now: deps.now(),
    ...(sealedName && { sealedName }),
    ...(sealedRevocation && { sealedRevocation }),
  });
  if (!there) return false;
  await addSubjects(tx, deps.loginSecrets, loginId, proven.subjectIds);
  // Allowed anew after it was taken back. A deletion that was asked for stands nevertheless.
  const ending = ((await findLogin(tx, loginId))?.ends_at ?? null) !== null;
  if (ending && !(await hasOpenDeletion(tx, accountId))) await setEnds(tx, loginId, null);
  return true;
};
