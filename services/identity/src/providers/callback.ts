// What the answers of all providers have in common.
import { equalInConstantTime } from '@meridian/kit/auth/constant-time.ts';
import type { FederatedLogin } from '@meridian/regions/profile.ts';
import { LoginError, type LoginFlow } from './login-provider.ts';

export type CallbackParameters = Readonly<Record<string, string>>;

/** Before anything else is read of an answer. For providers without PKCE and nonce the state is the only defence. */
export const requireState = (provider: FederatedLogin, parameters: CallbackParameters, flow: LoginFlow): void => {
  const state = parameters.state ?? '';
  if (state === '' || !equalInConstantTime(state, flow.state))
    throw new LoginError(provider, 'invalid_callback', 'state');
};

/** The code of an answer, within bounds. */
export const requireCode = (provider: FederatedLogin, code: string | undefined): string => {
  if (code === undefined || code === '' || code.length > 2_000)
    throw new LoginError(provider, 'invalid_callback', 'no_code');
  return code;
};

/** An identifier of a provider: printable ASCII without blanks, as all of them are. */
export const isIdentifier = (value: unknown): value is string =>
  typeof value === 'string' && /^[\x21-\x7e]{1,200}$/.test(value);

/** An access or refresh token: printable ASCII without blanks. */
export const isToken = (value: unknown): value is string =>
  typeof value === 'string' && /^[\x21-\x7e]{1,4000}$/.test(value);

/** A name as text that can be shown: without control characters, at most 100 characters; nothing if nothing is left. */
export const displayName = (value: unknown): { displayName?: string } => {
  if (typeof value !== 'string') return {};
  const name = [...value.replaceAll(/\p{C}/gu, '').trim()].slice(0, 100).join('');
  return name === '' ? {} : { displayName: name };
};

/** OpenID providers were seen to send flags as strings: https://github.com/better-auth/better-auth/pull/9578 */
export const isTrue = (value: unknown): boolean => value === true || value === 'true';
