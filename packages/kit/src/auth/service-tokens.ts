// Short-lived tokens with which services call each other.

import { randomUUID } from 'node:crypto';
import type { ServiceName } from '@meridian/contracts/endpoint.ts';
import { type CryptoKey, type KeyObject, SignJWT } from 'jose';

export const serviceTokenType = 'svc+jwt';
const lifeSeconds = 60;
const reuseMs = 40_000;

export type ServiceTokens = { readonly tokenFor: (audience: ServiceName) => Promise<string> };

/** Mints ES256 tokens (issuer = this service, audience = the one called, 60 s) and reuses each for 40 s, so that callees verify few. */
export const createServiceTokens = (options: {
  service: ServiceName;
  region: string;
  privateKey: CryptoKey | KeyObject;
  now: () => Date;
}): ServiceTokens => {
  const { service, region, privateKey, now } = options;
  // At most one per service name: bounded by the type.
  const minted = new Map<ServiceName, { token: Promise<string>; reuseUntil: number }>();
  const mint = (audience: ServiceName, at: number): Promise<string> =>
    new SignJWT({ region })
      .setProtectedHeader({ alg: 'ES256', typ: serviceTokenType })
      .setIssuer(service)
      .setSubject(service)
      .setAudience(audience)
      .setJti(randomUUID())
      .setIssuedAt(at)
      .setExpirationTime(at + lifeSeconds)
      .sign(privateKey);
  return {
    tokenFor: (audience) => {
      const at = now().getTime();
      const kept = minted.get(audience);
      // A clock set back (tests, leap corrections) must not stretch the reuse.
      if (kept !== undefined && at < kept.reuseUntil && kept.reuseUntil - at <= reuseMs) return kept.token;
      const token = mint(audience, Math.floor(at / 1_000));
      minted.set(audience, { token, reuseUntil: at + reuseMs });
      // A failed signature is not kept.
      token.catch(() => minted.delete(audience));
      return token;
    },
  };
};
