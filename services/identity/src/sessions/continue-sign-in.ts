// Use case: the first factor was right. Starts the session, or the wait for the second factor where one is on.
import { randomBytes } from 'node:crypto';
import type { Tx } from '@meridian/kit/db/database.ts';
import { digest } from '../crypto/mac.ts';
import type { IdentitySchema } from '../db/schema.ts';
import { insertPendingSignIn, secondFactorsOf } from '../factors/factor.store.ts';
import { type SignIn, type StartDeps, type StartedSession, startSession } from './start-session.ts';

/** A sign-in waits this long for its second factor. */
const pendingMs = 600_000;

export type Continued =
  | ({ readonly outcome: 'opened' } & StartedSession)
  /** To be committed: the first factor is used up, the challenge stands for it. */
  | { readonly outcome: 'second_factor'; readonly challenge: string; readonly factors: readonly string[] };

export const continueSignIn = async (tx: Tx<IdentitySchema>, deps: StartDeps, signIn: SignIn): Promise<Continued> => {
  const { accountId, method, acceptedTerms } = signIn;
  const factors = await secondFactorsOf(tx, accountId);
  if (factors.length === 0) return { outcome: 'opened', ...(await startSession(tx, deps, signIn)) };
  const challenge = randomBytes(32).toString('base64url');
  const expiresAt = new Date(deps.now().getTime() + pendingMs);
  await insertPendingSignIn(tx, { challengeHash: digest(challenge), accountId, method, acceptedTerms, expiresAt });
  return { outcome: 'second_factor', challenge, factors };
};
