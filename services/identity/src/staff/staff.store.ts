// SQL of staff sign-ins.
import type { StaffRole } from '@meridian/contracts/endpoint.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import type { Kysely } from 'kysely';
import type { IdentitySchema } from '../db/schema.ts';

type Transaction = Tx<IdentitySchema>;

export const insertSignIn = async (
  tx: Transaction,
  signIn: { stateHash: string; browserHash: string; expiresAt: Date },
): Promise<void> => {
  await tx
    .insertInto('staff_sign_in')
    .values({ state_hash: signIn.stateHash, browser_hash: signIn.browserHash, expires_at: signIn.expiresAt })
    .execute();
};

/** Uses a sign-in up; false when it was used, has expired, or was begun in another browser. */
export const takeSignIn = async (
  tx: Transaction,
  stateHash: string,
  browserHash: string,
  now: Date,
): Promise<boolean> => {
  const result = await tx
    .deleteFrom('staff_sign_in')
    .where('state_hash', '=', stateHash)
    .where('browser_hash', '=', browserHash)
    .where('expires_at', '>', now)
    .executeTakeFirst();
  return result.numDeletedRows === 1n;
};

/** The id of a person at a provider; the first sign-in gives it, and it stays. */
export const staffIdOf = async (
  tx: Transaction,
  person: { newId: string; issuer: string; subject: string; now: Date },
): Promise<string> => {
  const row = await tx
    .insertInto('staff')
    .values({ id: person.newId, issuer: person.issuer, subject: person.subject, created_at: person.now })
    // Changes nothing, but lets RETURNING answer the row that was there.
    .onConflict((conflict) => conflict.columns(['issuer', 'subject']).doUpdateSet({ issuer: person.issuer }))
    .returning('id')
    .executeTakeFirstOrThrow();
  return row.id;
};

export const appendStaffAudit = async (
  tx: Transaction,
  entry: { at: Date; staffId: string; roles: readonly StaffRole[]; network: string },
): Promise<void> => {
  await tx
    .insertInto('staff_audit')
    .values({ at: entry.at, staff_id: entry.staffId, roles: [...entry.roles], network: entry.network })
    .execute();
};

export const deleteOldSignIns = async (db: Kysely<IdentitySchema>, now: Date): Promise<void> => {
  await db.deleteFrom('staff_sign_in').where('expires_at', '<', now).execute();
};
