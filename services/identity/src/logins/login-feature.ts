// Accounts elsewhere as one feature: its routes and its jobs.
import type { IdentityDeps } from '../deps.ts';
import { accountLoginRoutes } from './account-logins.routes.ts';
import { bindingRoutes } from './binding.routes.ts';
import { deleteOldFlows } from './login-flow.store.ts';
import { deleteOldPushes } from './login-push.store.ts';
import { loginPushRoutes } from './login-pushes.routes.ts';
import { loginSignInRoutes } from './logins.routes.ts';
import { sendRevocations, sweepEndedLogins } from './sweep-logins.ts';

export const loginRoutes = (deps: IdentityDeps): void => {
  loginSignInRoutes(deps);
  bindingRoutes(deps);
  accountLoginRoutes(deps);
  loginPushRoutes(deps);

  const { db, now } = deps;
  deps.every(1_000, 'login revocations', () => sendRevocations(deps));
  deps.every(10_000, 'ended logins', () => sweepEndedLogins(deps));
  deps.every(600_000, 'old logins', async () => {
    await deleteOldFlows(db.read, now());
    await deleteOldPushes(db.read, now());
  });
};
