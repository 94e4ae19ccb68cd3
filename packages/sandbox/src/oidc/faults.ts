import { z } from 'zod';
import { commonFaults, times } from '../control/faults.ts';
import { createPart, type Part } from '../control/part.ts';

export const idTokenFaults = [
  'issuer',
  'audience',
  'nonce',
  'no_nonce',
  'signature',
  'expired',
  'alg_none',
  'unknown_kid',
  'no_subject',
] as const;
export type IdTokenFault = (typeof idTokenFaults)[number];

const faults = z.strictObject({
  ...commonFaults,
  /** What is wrong with the id_tokens that the token endpoint gives out. */
  idToken: z.strictObject({ wrong: z.enum(idTokenFaults), times }).optional(),
  /** The state in the redirect back is another one than the client sent. */
  wrongState: z.strictObject({ times }).optional(),
  /** The `iss` parameter of the redirect back names another provider (mix-up, RFC 9207). */
  wrongIssuerParameter: z.strictObject({ times }).optional(),
  /** Userinfo speaks of another subject than the id_token. */
  otherSubject: z.strictObject({ times }).optional(),
});
export type OidcFaults = z.infer<typeof faults>;
export type OidcPart = Part<OidcFaults>;
export const createOidcPart = (): OidcPart =>
  createPart<OidcFaults>('oidc', "The operator's OpenID provider for staff", faults);
