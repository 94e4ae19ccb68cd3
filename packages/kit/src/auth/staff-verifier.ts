// Tokens of staff sessions. Roles are a claim; unknown roles are dropped, so that a new role elsewhere grants nothing here.
import { unauthenticated } from '@meridian/contracts/common.ts';
import { type StaffRole, staffRoles } from '@meridian/contracts/endpoint.ts';
import type { StaffAuth } from '../http/authenticate.ts';
import { fail } from '../http/problems.ts';
import { type TokenRules, verifyToken } from './verify-token.ts';

export type StaffVerifierOptions = Pick<TokenRules, 'issuer' | 'region' | 'now' | 'directory'> & {
  readonly audience?: string;
  readonly keys: TokenRules['key'];
  /** True if this staff session was ended after `issuedAt`. */
  readonly notBefore?: (staffId: string, issuedAt: Date) => Promise<boolean>;
};

/** Requires typ staff+jwt, audience `meridian-staff` and the claims sub jti region roles. */
export const createStaffVerifier =
  ({ keys, notBefore, audience = 'meridian-staff', ...rules }: StaffVerifierOptions) =>
  async (token: string): Promise<StaffAuth> => {
    const claims = await verifyToken(token, {
      ...rules,
      audience,
      typ: 'staff+jwt',
      key: keys,
      requiredClaims: ['sub', 'jti', 'region', 'roles'],
    });
    const { sub, roles, iat } = claims;
    if (typeof sub !== 'string' || !Array.isArray(roles) || iat === undefined) return fail(unauthenticated);
    if (notBefore !== undefined && (await notBefore(sub, new Date(iat * 1_000))))
      fail(unauthenticated, { detail: 'The session has ended' });
    return { staffId: sub, roles: staffRoles.filter((role: StaffRole) => roles.includes(role)) };
  };
