// Signs id_tokens (OpenID Connect Core 1.0, section 2), RS256; on request wrongly, one way at a time. Keys can be rotated.
import { createPublicKey, generateKeyPair, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { type CryptoKey, exportJWK, importPKCS8, importSPKI, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import type { SandboxSecrets } from '../config.ts';
import { randomHex } from '../crypto/random.ts';
import { type IdTokenFault, otherProvider } from './misbehaviour.ts';

const lifetimeSeconds = 300;
/** Members of `claims` are set as they are; standard ones come from the rest. */
export type IdTokenContent = {
  issuer: string;
  clientId: string;
  subject: string;
  nonce?: string | undefined;
  claims?: JWTPayload;
};
type SigningKey = { kid: string; privateKey: CryptoKey | KeyObject; publicKey: CryptoKey | KeyObject };
export type UnnamedKeys = 'single' | 'multiple' | undefined;

const drawKey = async (): Promise<SigningKey> => ({
  kid: randomHex(8),
  ...(await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })),
});

export const createIdTokens = async ({ kid, key }: SandboxSecrets['oidcSigningKey'], now: () => Date) => {
  let current: SigningKey = {
    kid,
    privateKey: await importPKCS8(key.privateKey, 'RS256'),
    publicKey: await importSPKI(key.publicKey, 'RS256'),
  };
  let decoy: SigningKey | undefined;
  const jwk = async ({ kid, publicKey }: SigningKey, named: boolean) => ({
    ...(await exportJWK(publicKey)),
    ...(named && { kid }),
    alg: 'RS256',
    use: 'sig',
  });
  const seconds = () => Math.floor(now().getTime() / 1000);

  return {
    /** `unnamed` publishes the key without its id; 'multiple' also a second one that signs nothing. */
    async jwks(unnamed?: UnnamedKeys) {
      if (unnamed !== 'multiple') return { keys: [await jwk(current, unnamed === undefined)] };
      decoy ??= await drawKey();
      return { keys: [await jwk(decoy, false), await jwk(current, false)] };
    },
    /** The old key is gone at once, as after a compromise. */
    async rotate() {
      current = await drawKey();
      return { kid: current.kid };
    },
    /** A JWT of this provider with exactly these claims, such as a notification. */
    signClaims: (claims: JWTPayload) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: current.kid }).sign(current.privateKey),
    async sign(
      { issuer, clientId, subject, nonce, claims: own }: IdTokenContent,
      wrong?: IdTokenFault,
      unnamed?: UnnamedKeys,
    ) {
      const iat = seconds() - (wrong === 'expired' ? 3600 : 0);
      const claims: JWTPayload = {
        ...own,
        iss: wrong === 'issuer' ? otherProvider : issuer,
        exp: iat + lifetimeSeconds,
      };
      if (wrong !== 'no_audience') claims.aud = wrong === 'audience' ? 'another-client' : clientId;
      if (wrong !== 'no_issued_at') claims.iat = iat;
      if (wrong !== 'no_subject') claims.sub = subject;
      if (nonce !== undefined && wrong !== 'no_nonce') claims.nonce = wrong === 'nonce' ? `${nonce}x` : nonce;
      if (wrong === 'alg_none') return new UnsecuredJWT(claims).encode();
      const named = unnamed === undefined && { kid: wrong === 'unknown_kid' ? 'unknown' : current.kid };
      const signer = (alg: string) => new SignJWT(claims).setProtectedHeader({ alg, typ: 'JWT', ...named });
      switch (wrong) {
        case 'signature':
          return signer('RS256').sign(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
        case 'signature_es256':
          return signer('ES256').sign(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
        case 'signature_hs256':
          // The classic confusion: the public key, which everybody has, taken as the secret.
          return signer('HS256').sign(
            Buffer.from(createPublicKey(key.publicKey).export({ type: 'spki', format: 'pem' })),
          );
        default:
          return signer('RS256').sign(current.privateKey);
      }
    },
  };
};
export type IdTokens = Awaited<ReturnType<typeof createIdTokens>>;
