// Identity verifies its own access tokens with its own keys, and asks its own tables whether the session still stands.
import { accountCancelled, unauthenticated } from '@meridian/contracts/common.ts';
import { findTombstone } from '@meridian/kit/account/tombstone.ts';
import { createUserVerifier } from '@meridian/kit/auth/user-verifier.ts';
import type { Database } from '@meridian/kit/db/database.ts';
import type { UserAuth } from '@meridian/kit/http/authenticate.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { Now } from '@meridian/kit/ids.ts';
import type { Region } from '@meridian/regions/region.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { findStanding } from './session.store.ts';

export const createOwnUserVerifier = (deps: {
  db: Database<IdentitySchema>;
  keyRing: KeyRing;
  issuer: string;
  region: Region;
  now: Now;
}): ((token: string) => Promise<UserAuth>) => {
  const verify = createUserVerifier({
    issuer: deps.issuer,
    audience: 'meridian',
    region: deps.region.id,
    directory: deps.region.directory,
    now: deps.now,
    keys: deps.keyRing.resolve,
  });
  return async (token) => {
    const user = await verify(token);
    const standing = await findStanding(deps.db.read, user.sessionId, user.accountId);
    if (standing !== undefined && standing.status !== 'active') fail(accountCancelled);
    // Once erased, account and session are gone; what a token of that account is told must not change with it.
    if (standing === undefined && (await deps.db.transaction((tx) => findTombstone(tx, user.accountId))))
      fail(accountCancelled);
    if (standing === undefined || standing.endedAt !== null)
      fail(unauthenticated, { detail: 'The session has ended; sign in again' });
    return user;
  };
};
