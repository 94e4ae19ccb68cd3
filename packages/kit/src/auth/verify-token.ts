// One strict verification for all three kinds of token. jose is the only JWT library; every check it does not do by default is asked for.
import { unauthenticated } from '@meridian/contracts/common.ts';
import {
  type CryptoKey,
  decodeJwt,
  type JWK,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
  type KeyObject,
} from 'jose';
import { fail, isRefusal } from '../http/problems.ts';
import { type Directory, refuseForeign } from '../http/region-wall.ts';

export type TokenRules = {
  /** Header `typ`, so that a token of one kind (an id_token, a service token) is never taken for another (RFC 8725 3.11). */
  readonly typ: string;
  readonly issuer: string;
  readonly audience: string;
  readonly region: string;
  readonly requiredClaims: readonly string[];
  readonly key: CryptoKey | KeyObject | JWK | JWTVerifyGetKey;
  readonly now: () => Date;
  /** Addresses of other regions, told to callers who came to the wrong one. */
  readonly directory?: Directory;
};

/** Clocks may differ by this much. */
export const clockToleranceSeconds = 5;
const maxTokenLength = 4096;

const refuse = (): never => fail(unauthenticated, { detail: 'The token is missing, expired or not valid here' });

const claimsOf = (token: string): JWTPayload => {
  try {
    return decodeJwt(token);
  } catch {
    return refuse();
  }
};

// Read before verifying, and used for nothing but the refusal: our own keys could never verify the other region's signature, and
// "wrong region" helps its caller where "invalid" would not. Only a well-formed id of a region is repeated.
const assertRegion = (claims: JWTPayload, rules: TokenRules): void => {
  const { region } = claims;
  if (typeof region !== 'string' || !/^[a-z]{2,12}$/.test(region)) return;
  refuseForeign(rules.region, region, rules.directory);
};

/** The claims of a token that passes every rule. Refuses with 401, or 421 when it names another region; never with 500. */
export const verifyToken = async (token: string, rules: TokenRules): Promise<JWTPayload> => {
  if (token.length > maxTokenLength) refuse();
  const claims = claimsOf(token);
  assertRegion(claims, rules);
  // jose takes a list as issuer too, but a token's own `iss` must be one string.
  if (typeof claims.iss !== 'string') refuse();
  const options: JWTVerifyOptions = {
    algorithms: ['ES256'],
    typ: rules.typ,
    issuer: rules.issuer,
    audience: rules.audience,
    requiredClaims: ['exp', 'iat', 'iss', 'aud', ...rules.requiredClaims],
    clockTolerance: clockToleranceSeconds,
    currentDate: rules.now(),
  };
  try {
    const { payload } =
      typeof rules.key === 'function'
        ? await jwtVerify(token, rules.key, options)
        : await jwtVerify(token, rules.key, options);
    if (payload.region !== rules.region) refuse();
    // jose compares `iat` with the clock only when a maximum age is set.
    if ((payload.iat ?? Number.POSITIVE_INFINITY) > rules.now().getTime() / 1_000 + clockToleranceSeconds) refuse();
    return payload;
  } catch (error) {
    // Key fetching trouble (a JWKS endpoint that is down) is no verdict on the token: it surfaces as 503, not as 401.
    if (isRefusal(error) || isOutage(error)) throw error;
    return refuse();
  }
};

const isOutage = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  'code' in error &&
  (error.code === 'unreachable' || error.code === 'timeout');
