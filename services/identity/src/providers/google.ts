// Google: https://developers.google.com/identity/openid-connect/openid-connect. Code, PKCE and nonce; the key is `sub`. Userinfo is never asked:
// all that is needed stands in the signed id_token.
import type { Now } from '@meridian/kit/ids.ts';
import { calculatePKCECodeChallenge } from 'openid-client';
import { displayName, isTrue } from './callback.ts';
import type { HttpOptions } from './http.ts';
import type { LoginProvider } from './login-provider.ts';
import { createOpenid } from './openid.ts';

export type GoogleOptions = HttpOptions & {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly issuer: string;
  readonly allowInsecure: boolean;
  readonly now: Now;
};

export const createGoogle = (options: GoogleOptions): LoginProvider => {
  const provider = 'google';
  const { clientId } = options;
  const openid = createOpenid({
    ...options,
    provider,
    clientSecret: () => options.clientSecret,
    // With and without the scheme: https://developers.google.com/identity/gsi/web/guides/verify-google-id-token
    alsoIssuers: [options.issuer.replace(/^https?:\/\//, '')],
  });
  return {
    name: provider,
    app: clientId,
    callback: 'query',
    authorizeUrl: async ({ redirectUri, state, nonce, codeVerifier }) =>
      openid.authorizeUrl({
        redirect_uri: redirectUri,
        scope: 'openid email profile',
        state,
        nonce,
        code_challenge: await calculatePKCECodeChallenge(codeVerifier),
        code_challenge_method: 'S256',
        prompt: 'select_account',
      }),
    exchange: async (parameters, flow) => {
      const { claims } = await openid.redeem(parameters, flow, {
        denied: 'access_denied',
        proof: { code_verifier: flow.codeVerifier },
      });
      return {
        subjectIds: [{ provider, app: clientId, kind: 'sub', value: claims.sub }],
        ...displayName(claims.name),
        ...(typeof claims.email === 'string' && {
          email: {
            value: claims.email,
            verified: isTrue(claims.email_verified),
            // Of other addresses Google knows only that they were proven once, long ago perhaps: …/verify-google-id-token
            authoritative: claims.email.toLowerCase().endsWith('@gmail.com') || typeof claims.hd === 'string',
          },
        }),
      };
    },
  };
};
