// Signs id_tokens (OpenID Connect Core 1.0, section 2), RS256; on request wrongly, one way at a time.
import { generateKeyPairSync } from 'node:crypto';
import { exportJWK, importPKCS8, importSPKI, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import type { SandboxSecrets, StaffPerson } from '../config.ts';
import type { IdTokenFault } from './faults.ts';

const lifetimeSeconds = 300;
type Grant = { issuer: string; clientId: string; person: StaffPerson; nonce: string | undefined; authTime: number };

export const createIdTokens = async ({ kid, key }: SandboxSecrets['oidcSigningKey'], now: () => Date) => {
  const privateKey = await importPKCS8(key.privateKey, 'RS256');
  const jwk = { ...(await exportJWK(await importSPKI(key.publicKey, 'RS256'))), kid, alg: 'RS256', use: 'sig' };
  return {
    jwks: { keys: [jwk] },
    async sign({ issuer, clientId, person, nonce, authTime }: Grant, wrong?: IdTokenFault) {
      const iat = Math.floor(now().getTime() / 1000) - (wrong === 'expired' ? 3600 : 0);
      const claims: JWTPayload = {
        iss: wrong === 'issuer' ? 'https://other-provider.example' : issuer,
        aud: wrong === 'audience' ? 'another-client' : clientId,
        iat,
        exp: iat + lifetimeSeconds,
        auth_time: authTime,
        name: person.name,
        email: person.email,
        email_verified: true,
        roles: person.roles,
      };
      if (wrong !== 'no_subject') claims.sub = person.sub;
      if (nonce !== undefined && wrong !== 'no_nonce') claims.nonce = wrong === 'nonce' ? `${nonce}x` : nonce;
      if (wrong === 'alg_none') return new UnsecuredJWT(claims).encode();
      const signer = new SignJWT(claims).setProtectedHeader({
        alg: 'RS256',
        typ: 'JWT',
        kid: wrong === 'unknown_kid' ? 'unknown' : kid,
      });
      return signer.sign(
        wrong === 'signature' ? generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey : privateKey,
      );
    },
  };
};
export type IdTokens = Awaited<ReturnType<typeof createIdTokens>>;
