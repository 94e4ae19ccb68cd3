// What an OpenID provider of the sandbox can do wrong, the same for staff, Google and Apple. One case per relying-party module of the
// OpenID conformance suite (oidcc-client-test-…, https://gitlab.com/openid/conformance-suite), plus what mixes up the redirect back.
import { z } from 'zod';
import { times } from '../control/faults.ts';

export const idTokenFaults = [
  'issuer', // oidcc-client-test-invalid-iss
  'audience', // oidcc-client-test-invalid-aud
  'no_audience', // oidcc-client-test-missing-aud
  'no_subject', // oidcc-client-test-missing-sub
  'no_issued_at', // oidcc-client-test-missing-iat
  'signature', // oidcc-client-test-invalid-sig-rs256
  'signature_es256', // oidcc-client-test-invalid-sig-es256
  'signature_hs256', // oidcc-client-test-invalid-sig-hs256
  'alg_none', // oidcc-client-test-idtoken-sig-none
  'nonce', // oidcc-client-test-nonce-invalid
  'no_nonce',
  'expired',
  'unknown_kid',
] as const;
export type IdTokenFault = (typeof idTokenFaults)[number];

/** Spread into the fault schema of a part that is an OpenID provider. */
export const openidFaults = {
  /** What is wrong with the id_tokens that the token endpoint gives out. */
  idToken: z.strictObject({ wrong: z.enum(idTokenFaults), times }).optional(),
  /** Neither tokens nor keys carry a `kid`: oidcc-client-test-kid-absent-single-jwks and -multiple-jwks. */
  unnamedKeys: z.enum(['single', 'multiple']).optional(),
  /** The discovery document names another issuer: oidcc-client-test-discovery-issuer-mismatch. */
  discoveryIssuer: z.strictObject({ times }).optional(),
  /** Userinfo speaks of another subject than the id_token: oidcc-client-test-userinfo-invalid-sub. */
  otherSubject: z.strictObject({ times }).optional(),
  /** A refreshed id_token names another issuer or subject: oidcc-client-test-refresh-token-invalid-issuer and -sub. */
  refreshedIdToken: z.strictObject({ wrong: z.enum(['issuer', 'subject']), times }).optional(),
  /** The state in the redirect back is another one than the client sent. */
  wrongState: z.strictObject({ times }).optional(),
  /** The `iss` parameter of the redirect back names another provider (mix-up, RFC 9207). */
  wrongIssuerParameter: z.strictObject({ times }).optional(),
};

export const otherProvider = 'https://other-provider.example';
