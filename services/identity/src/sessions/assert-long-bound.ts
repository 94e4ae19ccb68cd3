// A proof within a session must come from what the account has had for a day: whoever stole the session must not bring their own.
import { reauthenticationRequired } from '@meridian/contracts/identity.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { Now } from '@meridian/kit/ids.ts';
import type { Kysely } from 'kysely';
import { findAccount } from '../account/account.store.ts';
import { isJustBound } from '../account/just-bound.ts';
import { contactBoundAt } from '../contacts/contact.store.ts';
import type { IdentitySchema } from '../db/schema.ts';
import { recoveryCodesDrawnAt, totpBoundAt } from '../factors/factor.store.ts';
import { passkeyBoundAt } from '../passkeys/passkey.store.ts';

type Proof =
  | { readonly method: 'code'; readonly codeId: string }
  | { readonly method: 'totp' | 'recovery_code' }
  | { readonly method: 'passkey'; readonly credential: { readonly id: string } };

const boundAt = (db: Kysely<IdentitySchema> | Tx<IdentitySchema>, accountId: string, proof: Proof) => {
  if (proof.method === 'code') return contactBoundAt(db, accountId, proof.codeId);
  if (proof.method === 'passkey') return passkeyBoundAt(db, accountId, proof.credential.id);
  return proof.method === 'totp' ? totpBoundAt(db, accountId) : recoveryCodesDrawnAt(db, accountId);
};

/** Asked before the proof is tried, so that nothing is used up. What the account does not have is left to the check itself. */
export const assertLongBound = async (
  db: Kysely<IdentitySchema> | Tx<IdentitySchema>,
  { now }: { now: Now },
  accountId: string,
  proof: Proof,
): Promise<void> => {
  const at = await boundAt(db, accountId, proof);
  const account = await findAccount(db, accountId);
  if (at != null && account !== undefined && isJustBound(at, account.created_at, now()))
    fail(reauthenticationRequired, {
      detail: 'It was set up less than a day ago; prove yourself by another way, or sign in again',
    });
};
