// Signs access tokens. Users: RFC 9068. Staff: the same form under a type and an audience of their own.
import { randomUUID } from 'node:crypto';
import type { StaffRole } from '@meridian/contracts/endpoint.ts';
import type { Now } from '@meridian/kit/ids.ts';
import { SignJWT } from 'jose';
import type { KeyRing } from './key-ring.ts';

/** Seconds. */
export const userTokenLife = 300;
export const staffTokenLife = 900;
/** RFC 9068 demands a client_id; every front end of Meridian is the same first-party client. */
const clientId = 'meridian-console';

export type AccessTokens = {
  readonly forUser: (user: { accountId: string; sessionId: string }) => Promise<string>;
  readonly forStaff: (staff: { staffId: string; roles: readonly StaffRole[] }) => Promise<string>;
};

export const createAccessTokens = (deps: {
  keyRing: KeyRing;
  issuer: string;
  region: string;
  now: Now;
}): AccessTokens => {
  const sign = async (
    typ: string,
    audience: string,
    subject: string,
    life: number,
    claims: Record<string, unknown>,
  ) => {
    const { kid, privateKey } = await deps.keyRing.signingKey();
    const issuedAt = Math.floor(deps.now().getTime() / 1_000);
    return new SignJWT({ client_id: clientId, region: deps.region, ...claims })
      .setProtectedHeader({ alg: 'ES256', typ, kid })
      .setIssuer(deps.issuer)
      .setAudience(audience)
      .setSubject(subject)
      .setJti(randomUUID())
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + life)
      .sign(privateKey);
  };
  return {
    forUser: ({ accountId, sessionId }) => sign('at+jwt', 'meridian', accountId, userTokenLife, { sid: sessionId }),
    forStaff: ({ staffId, roles }) => sign('staff+jwt', 'meridian-staff', staffId, staffTokenLife, { roles }),
  };
};
