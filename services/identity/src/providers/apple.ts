// Sign in with Apple for the web: https://developer.apple.com/documentation/signinwithapplerestapi. Apple posts its answer as a form from its own site,
// documents no PKCE, and sends the name only once, unsigned.

import { type AppleKey, appleClientSecret } from './apple-client-secret.ts';
import { createApplePushes } from './apple-push.ts';
import { displayName, isTrue } from './callback.ts';
import { type HttpOptions, objectOf } from './http.ts';
import { LoginError, type LoginProvider } from './login-provider.ts';
import { createOpenid } from './openid.ts';

export type AppleOptions = HttpOptions &
  AppleKey & {
    /** Notifications are addressed to the primary App ID, which need not be the Services ID of the web. */
    readonly notificationAudience: string;
    readonly allowInsecure: boolean;
  };

const provider = 'apple';

/** Name only: the form passes through the person's browser, so an address in it is whatever they like. */
const nameOf = (user: string | undefined): { displayName?: string } => {
  if (user === undefined || user.length > 4_000) return {};
  try {
    const { name } = JSON.parse(user) as { name?: { firstName?: unknown; lastName?: unknown } };
    return displayName([name?.firstName, name?.lastName].filter((part) => typeof part === 'string').join(' '));
  } catch {
    return {}; // A greeting less; nothing hangs on it.
  }
};

export const createApple = (options: AppleOptions): LoginProvider => {
  const { clientId } = options;
  const clientSecret = () => appleClientSecret(options);
  const openid = createOpenid({ ...options, provider, clientSecret });

  return {
    name: provider,
    app: clientId,
    callback: 'form_post',
    authorizeUrl: ({ redirectUri, state, nonce }) =>
      openid.authorizeUrl({
        redirect_uri: redirectUri,
        scope: 'openid name email',
        // Apple demands it as soon as a name or an address is asked for.
        response_mode: 'form_post',
        state,
        nonce,
      }),
    exchange: async (parameters, flow) => {
      const { claims, reply } = await openid.redeem(parameters, flow, { denied: 'user_cancelled_authorize' });
      const { email, email_verified: verified, is_private_email: privateRelay, sub } = claims;
      return {
        subjectIds: [{ provider, app: clientId, kind: 'sub', value: sub }],
        ...nameOf(parameters.user),
        ...(typeof email === 'string' && {
          email: { value: email, verified: isTrue(verified), privateRelay: isTrue(privateRelay) },
        }),
        ...(typeof reply.refresh_token === 'string' && { revocationToken: reply.refresh_token }),
      };
    },
    /** TN3194: deleting an account here must end the token there. */
    revoke: async (refreshToken) => {
      const { revocation_endpoint } = await openid.metadata();
      const { status, text } = await openid.http.post(
        openid.secure(revocation_endpoint ?? `${options.issuer}/auth/revoke`),
        { client_id: clientId, client_secret: clientSecret(), token: refreshToken, token_type_hint: 'refresh_token' },
      );
      if (status === 200) return;
      throw new LoginError(provider, 'provider_error', String(objectOf(provider, text).error ?? `http_${status}`));
    },
    parsePush: createApplePushes({
      app: clientId,
      verify: (token) => openid.verify(token, { required: ['events', 'exp'], audience: options.notificationAudience }),
    }),
  };
};
