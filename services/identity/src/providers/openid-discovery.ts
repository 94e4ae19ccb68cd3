// The metadata of an OpenID provider, by openid-client. Read when first needed and again after a failure: its outage stops nobody else.
import {
  allowInsecureRequests,
  type ClientAuth,
  type Configuration,
  discovery,
  enableNonRepudiationChecks,
} from 'openid-client';

export type DiscoveryOptions = {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientAuth: ClientAuth;
  /** Plain HTTP to the provider: embedded mode only. */
  readonly allowInsecure: boolean;
  readonly onFailure?: (error: unknown) => void;
};

/** Seconds for each request to the provider. */
const timeout = 5;
/** Metadata is read anew after this long, so that a provider may move its endpoints. */
const discoveredForMs = 3_600_000;

/** Rejects when the provider cannot be reached, or names another issuer than it was asked as. */
export const createDiscovery = (options: DiscoveryOptions): (() => Promise<Configuration>) => {
  let known: { readonly at: number; readonly configuration: Promise<Configuration> } | undefined;
  return () => {
    if (known === undefined || Date.now() - known.at > discoveredForMs) {
      const fresh = discovery(new URL(options.issuer), options.clientId, undefined, options.clientAuth, {
        timeout,
        // The signature is checked even though the id_token comes straight from the token endpoint: TLS may end before the provider.
        execute: [enableNonRepudiationChecks, ...(options.allowInsecure ? [allowInsecureRequests] : [])],
      });
      known = { at: Date.now(), configuration: fresh };
      fresh.catch((error: unknown) => {
        options.onFailure?.(error);
        known = undefined;
      });
    }
    return known.configuration;
  };
};
