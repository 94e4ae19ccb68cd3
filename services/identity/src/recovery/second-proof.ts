// Numbers that changed hands: a right code to a number does not open an account that was not used for long, whoever reads the number's
// messages now. The profile may ask the same on a device not seen before.
import { randomBytes } from 'node:crypto';
import { accountCancelled } from '@meridian/contracts/common.ts';
import { secondProofRequired } from '@meridian/contracts/identity.ts';
import type { ProofKind } from '@meridian/contracts/identity-recovery.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { lockStatus } from '../account/account.store.ts';
import { digest } from '../crypto/mac.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { isKnownDevice } from '../devices/device.store.ts';
import { insertPendingSignIn, secondFactorsOf, takePendingSignIn } from '../factors/factor.store.ts';
import {
  type Caller,
  type SignIn,
  type StartDeps,
  type StartedSession,
  startSession,
} from '../sessions/start-session.ts';
import { isVerified } from './real-name.ts';
import { missingFor } from './recovery.ts';
import { availableProofs, isIdle } from './standing.ts';

/** A sign-in waits this long for its second proof. */
const pendingMs = 600_000;

export type Doubt = 'idle' | 'new_device';
export type Doubted = {
  readonly outcome: 'second_proof';
  readonly doubt: Doubt;
  readonly challenge: string;
  readonly accountId: string;
};

const doubtOf = async (
  tx: Tx<IdentitySchema>,
  deps: StartDeps,
  { accountId, caller }: { accountId: string; caller: Caller },
): Promise<Doubt | undefined> => {
  if (await isIdle(tx, deps, accountId)) return 'idle';
  if (!deps.region.profile.recovery.secondProofOnNewDevice) return undefined;
  // Where a second factor is on it is asked for on every device anyway.
  if ((await secondFactorsOf(tx, accountId)).length > 0) return undefined;
  return (await isKnownDevice(tx, accountId, deps.deviceHash(accountId, caller.device.key))) ? undefined : 'new_device';
};

/** After a right code to a contact: undefined when it opens the account, else the challenge that waits for more. To be committed. */
export const doubtSignIn = async (
  tx: Tx<IdentitySchema>,
  deps: StartDeps,
  command: SignIn & { readonly contactId: string; readonly kind: 'phone' | 'email' },
): Promise<Doubted | undefined> => {
  const { accountId, contactId, kind, method, acceptedTerms } = command;
  const doubt = kind === 'phone' ? await doubtOf(tx, deps, command) : undefined;
  if (doubt === undefined) return undefined;
  const challenge = randomBytes(32).toString('base64url');
  const expiresAt = new Date(deps.now().getTime() + pendingMs);
  const challengeHash = digest(challenge);
  await insertPendingSignIn(tx, { challengeHash, accountId, method, acceptedTerms, expiresAt, contactId });
  return { outcome: 'second_proof', doubt, challenge, accountId };
};

/** Kinds that would complete it. */
const proofsFor = async (deps: IdentityDeps, accountId: string): Promise<ProofKind[]> => {
  const verified = await isVerified(deps, accountId);
  return deps.db.transaction(async (tx) => {
    const secondFactor = (await secondFactorsOf(tx, accountId)).length > 0;
    const available = [...(await availableProofs(tx, accountId)), ...(verified ? (['real_name'] as const) : [])];
    const linked = available.filter((kind) => kind === 'linked_login');
    return [...missingFor(['code'], available, { secondFactor, doubtful: true }), ...linked];
  });
};

/** Refuses with `second_proof_required`. Only a new device of an account that has nothing else to show is let in. */
export const settleDoubt = async (
  deps: IdentityDeps,
  { doubt, challenge, accountId }: Doubted,
  caller: Caller,
): Promise<StartedSession> => {
  const proofs = await proofsFor(deps, accountId);
  if (doubt === 'new_device' && proofs.length === 0)
    return deps.db.transaction(async (tx) => {
      // Asking verification took a while: the account may have been cancelled since its code was right.
      if ((await lockStatus(tx, accountId, 'share')) !== 'active') return fail(accountCancelled);
      const begun = (await takePendingSignIn(tx, digest(challenge))) ?? fail(secondProofRequired);
      return startSession(tx, deps, { accountId, ...begun, caller });
    });
  return fail(secondProofRequired, {
    detail: 'Send the challenge with a second proof to /v1/sessions/second-proof, or to …/not-mine',
    challenge,
    proofs,
  });
};
