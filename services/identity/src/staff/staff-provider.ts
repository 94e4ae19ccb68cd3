// The operator's OpenID provider, by openid-client.
import type { Logger } from '@meridian/kit/telemetry/log.ts';
import {
  authorizationCodeGrant,
  buildAuthorizationUrl,
  ClientSecretBasic,
  calculatePKCECodeChallenge,
} from 'openid-client';
import { createDiscovery } from '../providers/openid-discovery.ts';

export type StaffProviderOptions = {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUri: string;
  /** Plain HTTP to the provider: embedded mode only. */
  readonly allowInsecure: boolean;
  readonly log: Logger;
};

export type SignInSecrets = { readonly state: string; readonly nonce: string; readonly codeVerifier: string };
export type ProvenPerson = {
  readonly issuer: string;
  readonly subject: string;
  readonly claims: Readonly<Record<string, unknown>>;
};

export type StaffProvider = {
  readonly redirectUri: string;
  /** Where to send the browser. Rejects when the provider cannot be reached. */
  readonly authorizationUrl: (secrets: SignInSecrets) => Promise<URL>;
  /** Exchanges the answer in the callback's query for a verified id_token; rejects on anything that is not as it should be. */
  readonly redeem: (query: Readonly<Record<string, string>>, secrets: SignInSecrets) => Promise<ProvenPerson>;
};

export const createStaffProvider = (options: StaffProviderOptions): StaffProvider => {
  const configuration = createDiscovery({
    ...options,
    clientAuth: ClientSecretBasic(options.clientSecret),
    onFailure: (err) => options.log.warn({ err }, 'the OpenID provider of the staff cannot be reached'),
  });

  return {
    redirectUri: options.redirectUri,
    authorizationUrl: async ({ state, nonce, codeVerifier }) =>
      buildAuthorizationUrl(await configuration(), {
        redirect_uri: options.redirectUri,
        response_type: 'code',
        scope: 'openid profile email',
        state,
        nonce,
        code_challenge: await calculatePKCECodeChallenge(codeVerifier),
        code_challenge_method: 'S256',
      }),
    redeem: async (query, { state, nonce, codeVerifier }) => {
      // From the configured address, never from the Host header.
      const callback = new URL(options.redirectUri);
      for (const [name, value] of Object.entries(query)) callback.searchParams.set(name, value);
      const answer = await authorizationCodeGrant(await configuration(), callback, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: codeVerifier,
        idTokenExpected: true,
      });
      const claims = answer.claims();
      if (claims === undefined) throw new Error('the provider gave no id_token');
      return { issuer: claims.iss, subject: claims.sub, claims };
    },
  };
};
