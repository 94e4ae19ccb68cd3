// Jobs: accounts whose only login ended and who found no other way in are cancelled; tokens are ended at their providers.
import { lockStatus } from '../account/account.store.ts';
import { countLoginMethods } from '../account/login-methods.ts';
import { closeAccount } from '../cancellation/cancel-account.ts';
import type { IdentityDeps } from '../deps.ts';
import { dropLogin } from './end-login.ts';
import { dueEnds, type FoundLogin, findLogin, setEnds } from './linked-login.store.ts';
import { followSaga } from './login-push.store.ts';
import { claimRevocations, deleteRevocation } from './revocation.store.ts';

const endOverdue = (deps: IdentityDeps, { loginId, accountId }: FoundLogin): Promise<void> =>
  deps.db.transaction(async (tx) => {
    const active = (await lockStatus(tx, accountId, 'update')) === 'active';
    const login = await findLogin(tx, loginId);
    // Allowed anew, or unlinked, while we waited for the account.
    if (login?.ends_at == null || login.ends_at > deps.now()) return;
    if (active && (await countLoginMethods(tx, accountId)) > 0) {
      await dropLogin(tx, deps, login);
      return;
    }
    await setEnds(tx, loginId, null);
    // A cancellation under way takes the login with it.
    if (!active) return;
    const { sagaId } = await closeAccount(tx, deps, { accountId });
    await followSaga(tx, accountId, sagaId);
  });

export const sweepEndedLogins = async (deps: IdentityDeps): Promise<void> => {
  // One that cannot be ended must not keep the others; it is tried again.
  for (const login of await dueEnds(deps.db.read, deps.now()))
    await endOverdue(deps, login).catch((err: unknown) =>
      deps.log.error({ accountId: login.accountId, err }, 'an account whose only login ended could not be cancelled'),
    );
};

/** Never blocks anybody: what a provider does not take is tried again for two days. */
export const sendRevocations = async (deps: IdentityDeps): Promise<void> => {
  for (const { id, provider, sealed, attempts } of await deps.db.transaction((tx) => claimRevocations(tx, deps.now())))
    try {
      await deps.loginProviders.get(provider)?.revoke?.(deps.loginSecrets.openRevocation(id, sealed));
      await deleteRevocation(deps.db.read, id);
    } catch (err) {
      deps.log.warn({ provider, attempts: attempts + 1, err }, 'a token could not be ended at its provider');
    }
};
