// The browser is back from a provider: its flow is used up, the provider asked who it is, and the answer kept for the front end to fetch.
import { errorCode } from '@meridian/kit/error-code.ts';
import { newId } from '@meridian/kit/ids.ts';
import type { IdentityDeps } from '../deps.ts';
import type { LoginProvider, ProvenLogin } from '../providers/login-provider.ts';
import { redirectUriOf } from './begin-login.ts';
import { insertPending, takeFlow } from './login-flow.store.ts';
import { completionMs, failureOf, type LoginFailure, returnAddress } from './login-flow.ts';
import { drawSecret, flowSecrets, hashOf, sealProven } from './login-secrets.ts';

type Deps = Pick<IdentityDeps, 'db' | 'region' | 'now' | 'log' | 'countLogin'>;
export type Callback = {
  readonly provider: LoginProvider;
  readonly parameters: Readonly<Record<string, string>>;
  /** Of the cookie; undefined where the browser has none. */
  readonly browser: string | undefined;
};

/** Where to send the browser on. Whatever went wrong, it ends on a page of ours that names the help centre. */
export const receiveCallback = async (deps: Deps, { provider, parameters, browser }: Callback): Promise<string> => {
  const { profile } = deps.region;
  const { state } = parameters;
  const refuse = (returnTo: string, failure: LoginFailure) =>
    returnAddress(returnTo, { login_error: failure, help: profile.links.helpCentre });
  const now = deps.now();
  const flow =
    state === undefined || browser === undefined
      ? undefined
      : await deps.db.transaction((tx) =>
          takeFlow(tx, { stateHash: hashOf(state), browserHash: hashOf(browser), provider: provider.name, now }),
        );
  // Nothing of a flow that is not this browser's is used, its return address included; and no code is sent to any provider.
  if (flow === undefined || state === undefined || browser === undefined)
    return refuse(profile.registration.returnAddresses[0] ?? profile.links.helpCentre, 'login_flow_invalid');

  const redirectUri = redirectUriOf(profile, provider.name);
  let proven: ProvenLogin;
  try {
    proven = await provider.exchange(parameters, { redirectUri, ...flowSecrets(state, browser) });
  } catch (error) {
    const code = errorCode(error);
    const failure = failureOf(code);
    deps.countLogin(provider.name, failure);
    // Whoever changed their mind is no news.
    if (failure !== 'login_denied')
      deps.log.warn({ provider: provider.name, code, err: error }, 'a login could not be completed');
    return refuse(flow.returnTo, failure);
  }
  deps.countLogin(provider.name, 'proven');
  const token = drawSecret();
  const id = newId('lgn', deps.region.id, now);
  await deps.db.transaction((tx) =>
    insertPending(tx, {
      id,
      tokenHash: hashOf(token),
      browserHash: hashOf(browser),
      provider: provider.name,
      purpose: flow.purpose,
      accountId: flow.accountId,
      sessionId: flow.sessionId,
      sealed: sealProven(token, id, proven),
      createdAt: now,
      expiresAt: new Date(now.getTime() + completionMs),
    }),
  );
  return returnAddress(flow.returnTo, { login: token });
};
