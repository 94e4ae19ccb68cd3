// Use case: whose passkey answered this challenge. Used for sign-in, second factor and fresh proof alike.
import type { Tx } from '@meridian/kit/db/database.ts';
import { verifyAuthenticationResponse } from '@simplewebauthn/server';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { lockPasskey, markUsed, takeChallenge } from './passkey.store.ts';

type AuthenticationResponse = Parameters<typeof verifyAuthenticationResponse>[0]['response'];
export type GivenPasskey = { readonly challengeId: string; readonly credential: unknown };

/**
 * Undefined when the challenge was used or is too old, the key is unknown, or the answer is not right. User verification (PIN, finger, face) is
 * demanded, so a passkey is two factors by itself. A counter that runs backwards (a cloned key) is refused by the library.
 */
export const usePasskey = async (
  tx: Tx<IdentitySchema>,
  { region, now }: Pick<IdentityDeps, 'region' | 'now'>,
  { challengeId, credential }: GivenPasskey,
): Promise<string | undefined> => {
  const challenge = await takeChallenge(tx, challengeId, null, now());
  // The contract has checked the outer form; the library refuses whatever else is wrong with it.
  const response = credential as AuthenticationResponse;
  const key = challenge === undefined ? undefined : await lockPasskey(tx, response.id);
  if (challenge === undefined || key === undefined) return undefined;
  const { rpId, origins } = region.profile.passkeys;
  const result = await verifyAuthenticationResponse({
    response,
    expectedChallenge: challenge,
    expectedOrigin: [...origins],
    expectedRPID: rpId,
    requireUserVerification: true,
    credential: { id: response.id, publicKey: new Uint8Array(key.publicKey), counter: Number(key.counter) },
    // The library throws for each check that fails; which one is nobody's business.
  }).catch(() => undefined);
  if (result?.verified !== true) return undefined;
  await markUsed(tx, key.id, result.authenticationInfo.newCounter, now());
  return key.accountId;
};
