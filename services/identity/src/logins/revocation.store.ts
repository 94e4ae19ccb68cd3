// SQL of tokens that are to be ended at their providers.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { FederatedLogin } from '@meridian/regions/profile.ts';
import type { Kysely } from 'kysely';
import type { IdentitySchema } from '../db/schema.ts';
import { revocationBackOffMs } from './login-flow.ts';

type Transaction = Tx<IdentitySchema>;

export const insertRevocation = async (
  tx: Transaction,
  revocation: { id: string; provider: FederatedLogin; sealed: Buffer; now: Date },
): Promise<void> => {
  const { now, ...rest } = revocation;
  await tx
    .insertInto('login_revocation')
    .values({ ...rest, next_attempt_at: now })
    .execute();
};

/** Takes up to 10 that are due and books their next attempt; what was tried often enough is deleted, and told as the last try. */
export const claimRevocations = async (tx: Transaction, now: Date) => {
  const due = await tx
    .selectFrom('login_revocation')
    .select(['id', 'provider', 'sealed', 'attempts'])
    .where('next_attempt_at', '<=', now)
    .orderBy('next_attempt_at')
    .limit(10)
    .forUpdate()
    .skipLocked()
    .execute();
  for (const { id, attempts } of due) {
    const wait = revocationBackOffMs(attempts + 1);
    if (wait === undefined) await tx.deleteFrom('login_revocation').where('id', '=', id).execute();
    else
      await tx
        .updateTable('login_revocation')
        .set({ attempts: attempts + 1, next_attempt_at: new Date(now.getTime() + wait) })
        .where('id', '=', id)
        .execute();
  }
  return due;
};

export const deleteRevocation = async (db: Kysely<IdentitySchema>, id: string): Promise<void> => {
  await db.deleteFrom('login_revocation').where('id', '=', id).execute();
};
