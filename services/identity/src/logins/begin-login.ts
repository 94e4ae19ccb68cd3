// Use case: a browser leaves for a provider. Nothing is known of the person yet.
import { unavailable } from '@meridian/contracts/common.ts';
import { returnNotAllowed } from '@meridian/contracts/identity-logins.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { errorCode } from '@meridian/kit/error-code.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { Profile } from '@meridian/regions/profile.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import type { LoginProvider } from '../providers/login-provider.ts';
import { type FlowOwner, insertFlow } from './login-flow.store.ts';
import { failureOf, flowMs, type LoginPurpose } from './login-flow.ts';
import { drawSecret, flowSecrets, hashOf } from './login-secrets.ts';

type Deps = Pick<IdentityDeps, 'db' | 'region' | 'now' | 'log' | 'countLogin'>;

/** One path per provider, exactly as registered there: no answer can be taken for another's (mix-up). */
export const redirectUriOf = ({ addresses }: Profile, provider: string): string =>
  `${addresses.api}/v1/logins/${provider}/callback`;

export type BeginLogin = {
  readonly provider: LoginProvider;
  readonly purpose: LoginPurpose;
  readonly returnTo: string;
  readonly browser: string;
  readonly owner?: FlowOwner;
  /** What must hold of the owner; in the transaction that writes the flow. */
  readonly assert?: (tx: Tx<IdentitySchema>) => Promise<void>;
};

export const beginLogin = async (
  deps: Deps,
  command: BeginLogin,
): Promise<{ authorizeUrl: string; expiresAt: string }> => {
  const { provider, purpose, returnTo, browser, owner, assert } = command;
  const { profile } = deps.region;
  if (!profile.registration.returnAddresses.includes(returnTo)) fail(returnNotAllowed);
  const state = drawSecret();
  const redirectUri = redirectUriOf(profile, provider.name);
  // Before the transaction: some providers are asked for their addresses first.
  const target = await provider.authorizeUrl({ redirectUri, ...flowSecrets(state, browser) }).catch((err: unknown) => {
    deps.countLogin(provider.name, failureOf(errorCode(err)));
    deps.log.warn({ provider: provider.name, code: errorCode(err), err }, 'a login could not be begun');
    return fail(unavailable, {
      retryAfter: 10,
      detail: 'The provider cannot be reached at the moment; sign in another way',
    });
  });
  const expiresAt = new Date(deps.now().getTime() + flowMs);
  await deps.db.transaction(async (tx) => {
    await assert?.(tx);
    await insertFlow(tx, {
      stateHash: hashOf(state),
      browserHash: hashOf(browser),
      provider: provider.name,
      purpose,
      returnTo,
      owner,
      expiresAt,
    });
  });
  return { authorizeUrl: target.href, expiresAt: expiresAt.toISOString() };
};
