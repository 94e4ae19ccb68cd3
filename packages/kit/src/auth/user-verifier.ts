// Access tokens of end users (RFC 9068). Verified every time: nothing about a token is kept.
import { unauthenticated } from '@meridian/contracts/common.ts';
import type { UserAuth } from '../http/authenticate.ts';
import { fail } from '../http/problems.ts';
import { type TokenRules, verifyToken } from './verify-token.ts';

export type UserVerifierOptions = Pick<TokenRules, 'issuer' | 'region' | 'now' | 'directory'> & {
  readonly audience: string;
  /** Key resolver: remoteKeys(url), or jose's createLocalJWKSet. */
  readonly keys: TokenRules['key'];
  /** True if the session or account was ended after `issuedAt`: asked for every request, answered from this service's own table. */
  readonly notBefore?: (accountId: string, sessionId: string, issuedAt: Date) => Promise<boolean>;
};

/** Requires typ at+jwt, ES256 and the claims iss aud sub exp iat jti region sid. */
export const createUserVerifier =
  ({ keys, notBefore, ...rules }: UserVerifierOptions) =>
  async (token: string): Promise<UserAuth> => {
    const claims = await verifyToken(token, {
      ...rules,
      typ: 'at+jwt',
      key: keys,
      requiredClaims: ['sub', 'jti', 'region', 'sid'],
    });
    const { sub, sid, iat } = claims;
    if (typeof sub !== 'string' || typeof sid !== 'string' || iat === undefined) return fail(unauthenticated);
    if (notBefore !== undefined && (await notBefore(sub, sid, new Date(iat * 1_000))))
      fail(unauthenticated, { detail: 'The session has ended' });
    return { accountId: sub, sessionId: sid };
  };
