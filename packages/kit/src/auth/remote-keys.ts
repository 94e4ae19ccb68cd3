// The public keys of an issuer, fetched by their address.
import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';
import { type Dispatcher, fetch as fetchWith } from 'undici';

/** Thrown when the keys cannot be fetched: no verdict on the token, so the answer is 503, never 401. */
export class KeysUnreachable extends Error {
  readonly code = 'unreachable';
  constructor(cause: unknown) {
    super('the keys of the issuer cannot be fetched', { cause });
    this.name = 'KeysUnreachable';
  }
}

/**
 * Key resolver with a cool-down of 10 s against floods of unknown key ids, keys kept for 5 min, 3 s per fetch.
 * `allowInsecure` is for the embedded mode, which stays on the loopback interface. `dispatcher` carries the client certificate and the
 * private CA where the issuer is a service of the same region.
 */
export const remoteKeys = (
  address: string,
  options: { allowInsecure?: boolean; dispatcher?: Dispatcher | undefined } = {},
): JWTVerifyGetKey => {
  const parsed = new URL(address);
  if (parsed.protocol !== 'https:' && options.allowInsecure !== true)
    throw new Error('the key set of an issuer must be fetched by https');
  const { dispatcher } = options;
  const keys = createRemoteJWKSet(parsed, {
    cooldownDuration: 10_000,
    cacheMaxAge: 300_000,
    timeoutDuration: 3_000,
    ...(dispatcher && {
      [customFetch]: (url: string, init: { headers: Headers; signal: AbortSignal }) =>
        fetchWith(url, {
          headers: Object.fromEntries(init.headers),
          signal: init.signal,
          redirect: 'manual',
          dispatcher,
        }) as unknown as Promise<Response>,
    }),
  });
  return async (header, token) => {
    try {
      return await keys(header, token);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error;
      // An unsupported `alg` or `kty` in the header is the token's fault as well.
      if (error instanceof errors.JOSENotSupported) throw error;
      throw new KeysUnreachable(error);
    }
  };
};
