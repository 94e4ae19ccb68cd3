// Changes of credentials need the person, not only the session: a stolen access token must not be enough.
import { accountCancelled } from '@meridian/contracts/common.ts';
import { reauthenticationRequired } from '@meridian/contracts/identity.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { Now } from '@meridian/kit/ids.ts';
import { lockStatus } from '../account/account.store.ts';
import type { IdentitySchema } from '../db/schema.ts';
import { provenAfterSignIn, provenAt } from './session.store.ts';
import { proofMs } from './session.ts';

/** First in the transaction of a change: locks the account against a cancellation, refuses a session whose last proof is too old. */
export const assertProven = async (
  tx: Tx<IdentitySchema>,
  { now }: { now: Now },
  { accountId, sessionId }: { accountId: string; sessionId: string },
): Promise<void> => {
  if ((await lockStatus(tx, accountId, 'update')) !== 'active') fail(accountCancelled);
  const at = await provenAt(tx, sessionId);
  if (at === null || now().getTime() - at.getTime() > proofMs)
    fail(reauthenticationRequired, { detail: 'Send a fresh proof to /v1/sessions/current/proof first' });
};

/** The same, and the proof was made within the session, not by signing in: what cannot be undone needs the person to say so twice. */
export const assertProvenAgain = async (
  tx: Tx<IdentitySchema>,
  deps: { now: Now },
  session: { accountId: string; sessionId: string },
): Promise<void> => {
  await assertProven(tx, deps, session);
  if (!(await provenAfterSignIn(tx, session.sessionId)))
    fail(reauthenticationRequired, { detail: 'Send a proof to /v1/sessions/current/proof, or a code' });
};
