// Checks service tokens. One is verified once; the caller it proved is then kept by the token's SHA-256 until it expires.
import { hash } from 'node:crypto';
import { unauthenticated } from '@meridian/contracts/common.ts';
import { type ServiceName, serviceNames } from '@meridian/contracts/endpoint.ts';
import { decodeJwt, type JWK } from 'jose';
import type { ServiceAuth } from '../http/authenticate.ts';
import { fail } from '../http/problems.ts';
import { serviceTokenType } from './service-tokens.ts';
import { clockToleranceSeconds, type TokenRules, verifyToken } from './verify-token.ts';

export type ServiceKeys = { readonly [S in ServiceName]?: JWK };
export type ServiceVerifier = ((token: string) => Promise<ServiceAuth>) & {
  /** Replaces the public keys and forgets every caller proved by the old ones. */
  readonly replaceKeys: (keys: ServiceKeys) => void;
};

const maxKept = 1_000;
/** A token may live this long at most, whatever its `exp` says: the bound on how long a caller is remembered. */
const maxLifeSeconds = 60;

export const createServiceVerifier = (
  options: Pick<TokenRules, 'region' | 'now' | 'directory'> & {
    readonly service: ServiceName;
    readonly keys: ServiceKeys;
  },
): ServiceVerifier => {
  const { service, ...rules } = options;
  let keys = options.keys;
  let kept = new Map<string, { auth: ServiceAuth; until: number }>();

  const issuerOf = (token: string): ServiceName => {
    let iss: unknown;
    try {
      iss = decodeJwt(token).iss;
    } catch {
      return fail(unauthenticated);
    }
    return serviceNames.find((name) => name === iss) ?? fail(unauthenticated);
  };

  const verify = async (token: string): Promise<{ auth: ServiceAuth; until: number }> => {
    const caller = issuerOf(token);
    const key = keys[caller] ?? fail(unauthenticated);
    const claims = await verifyToken(token, {
      ...rules,
      typ: serviceTokenType,
      issuer: caller,
      audience: service,
      key,
      requiredClaims: ['sub', 'jti', 'region'],
    });
    const { exp = 0, iat = 0, sub } = claims;
    if (sub !== caller || exp - iat > maxLifeSeconds) fail(unauthenticated);
    return { auth: { caller }, until: (exp + clockToleranceSeconds) * 1_000 };
  };

  const check = async (token: string): Promise<ServiceAuth> => {
    const digest = hash('sha256', token, 'base64');
    const at = options.now().getTime();
    const known = kept.get(digest);
    if (
      known !== undefined &&
      known.until > at &&
      known.until - at <= (maxLifeSeconds + 2 * clockToleranceSeconds) * 1_000
    )
      return known.auth;
    const generation = kept;
    const proved = await verify(token);
    // Keys replaced while this was being verified: the proof stands for this request, but is not remembered.
    if (generation === kept) {
      // Oldest first: a map keeps the order of insertion.
      for (const [oldest, { until }] of kept) {
        if (kept.size < maxKept && until > at) break;
        kept.delete(oldest);
      }
      kept.set(digest, proved);
    }
    return proved.auth;
  };

  return Object.assign(check, {
    replaceKeys: (replacement: ServiceKeys) => {
      keys = replacement;
      kept = new Map();
    },
  });
};
