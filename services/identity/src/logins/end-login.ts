// Use case: what a provider told about a person. It is believed about the login alone; the account stays the owner's.
import type { Tx } from '@meridian/kit/db/database.ts';
import { lockStatus } from '../account/account.store.ts';
import { countLoginMethods } from '../account/login-methods.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { deletePendingOf } from '../factors/factor.store.ts';
import { tellOwner } from '../notices/tell-owner.ts';
import type { PushEvent } from '../providers/login-provider.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { endSessions } from '../sessions/end-sessions.ts';
import { type FoundLogin, findLogin, findLogins, forgetName, setEnds } from './linked-login.store.ts';
import { dropUnconfirmed } from './login-flow.store.ts';
import { graceMs, isOutdated } from './login-flow.ts';
import { deleteOfferOfLogin } from './offered-email.store.ts';
import { type LinkedLogin, removeLogin } from './remove-login.ts';

type Deps = Pick<IdentityDeps, 'region' | 'now' | 'vault' | 'publish' | 'loginSecrets'>;

/** What became of a login: gone, or, as the only way in, still there until then. */
export type Ended = { readonly accountId: string; readonly endsAt: Date | null };

/** What was begun by the login, and what is in doubt with it, ends. */
const warnOwner = async (tx: Tx<IdentitySchema>, deps: Deps, accountId: string): Promise<void> => {
  await tellOwner(tx, deps, { accountId, kind: 'login_unlinked' });
  await deletePendingOf(tx, accountId);
  await dropUnconfirmed(tx, accountId);
};

/** Unlinks a login that its provider ended, of an account with another way in. The caller holds the account's row. */
export const dropLogin = async (tx: Tx<IdentitySchema>, deps: Deps, login: LinkedLogin): Promise<void> => {
  const { account_id: accountId, provider: method } = login;
  await warnOwner(tx, deps, accountId);
  await removeLogin(tx, deps, login);
  await appendSecurityLog(tx, { at: deps.now(), accountId, method, kind: 'login_unlinked' });
  await endSessions(tx, deps, { accountId, reason: 'credentials_changed' });
};

const endOne = async (
  tx: Tx<IdentitySchema>,
  deps: Deps,
  { loginId, accountId }: FoundLogin,
  event: PushEvent,
): Promise<Ended | undefined> => {
  // An account that is being cancelled loses its logins anyway.
  if ((await lockStatus(tx, accountId, 'update')) !== 'active') return undefined;
  const login = await findLogin(tx, loginId);
  if (login === undefined) return undefined;
  if (event.kind === 'info_modified') await forgetName(tx, loginId);
  if (event.kind === 'email_changed') await deleteOfferOfLogin(tx, loginId);
  if (event.kind === 'info_modified' || event.kind === 'email_changed') return undefined;
  if (event.kind === 'revoked' && isOutdated(event.at, login.last_used_at)) return undefined;

  const left = (await countLoginMethods(tx, accountId)) - (login.ends_at === null ? 1 : 0);
  if (left > 0) {
    await dropLogin(tx, deps, login);
    return { accountId, endsAt: null };
  }
  // The only way in: it stays for a while, and so do the sessions, by which alone the owner can add another.
  await warnOwner(tx, deps, accountId);
  const now = deps.now();
  const endsAt = login.ends_at ?? new Date(now.getTime() + graceMs);
  await setEnds(tx, loginId, endsAt);
  await appendSecurityLog(tx, { at: now, accountId, method: login.provider, kind: 'login_ending' });
  return { accountId, endsAt };
};

export const endLogins = async (tx: Tx<IdentitySchema>, deps: Deps, event: PushEvent): Promise<Ended[]> => {
  const found = await findLogins(tx, deps.loginSecrets, event.subjectIds);
  const ended: Ended[] = [];
  // In one order, so that two messages never wait for each other.
  for (const login of found.sort((a, b) => (a.accountId < b.accountId ? -1 : 1))) {
    const one = await endOne(tx, deps, login, event);
    if (one !== undefined) ended.push(one);
  }
  return ended;
};
