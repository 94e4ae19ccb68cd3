// SQL of staff sign-ins.
import type { StaffRole } from '@meridian/contracts/endpoint.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { type Kysely, sql } from 'kysely';
import type { IdentitySchema } from '../db/schema.ts';
import type { LogPlace } from '../security-log/log-place.ts';

type Transaction = Tx<IdentitySchema>;

export const insertSignIn = async (
  tx: Transaction,
  signIn: { stateHash: string; browserHash: string; expiresAt: Date; codeChallenge: string | undefined },
): Promise<void> => {
  await tx
    .insertInto('staff_sign_in')
    .values({
      state_hash: signIn.stateHash,
      browser_hash: signIn.browserHash,
      expires_at: signIn.expiresAt,
      code_challenge: signIn.codeChallenge ?? null,
    })
    .execute();
};

/** Uses a sign-in up; undefined when it was used, has expired, or was begun in another browser. */
export const takeSignIn = async (tx: Transaction, stateHash: string, browserHash: string, now: Date) =>
  tx
    .deleteFrom('staff_sign_in')
    .where('state_hash', '=', stateHash)
    .where('browser_hash', '=', browserHash)
    .where('expires_at', '>', now)
    .returning('code_challenge')
    .executeTakeFirst();

export const insertCompletion = async (
  tx: Transaction,
  completion: {
    codeHash: string;
    codeChallenge: string;
    staffId: string;
    roles: readonly StaffRole[];
    expiresAt: Date;
  },
): Promise<void> => {
  await tx
    .insertInto('staff_completion')
    .values({
      code_hash: completion.codeHash,
      code_challenge: completion.codeChallenge,
      staff_id: completion.staffId,
      roles: [...completion.roles],
      expires_at: completion.expiresAt,
    })
    .execute();
};

/** Uses a one-time code up, whatever comes of it. */
export const takeCompletion = async (tx: Transaction, codeHash: string, now: Date) =>
  tx
    .deleteFrom('staff_completion')
    .where('code_hash', '=', codeHash)
    .where('expires_at', '>', now)
    .returning(['code_challenge', 'staff_id', 'roles'])
    .executeTakeFirst();

/** Also those that a console has not yet taken for its code. False when there is no such person. */
export const endTokensOf = async (tx: Transaction, staffId: string, now: Date): Promise<boolean> => {
  await tx.deleteFrom('staff_completion').where('staff_id', '=', staffId).execute();
  const { numUpdatedRows } = await tx
    .updateTable('staff')
    .set({ not_before: now })
    .where('id', '=', staffId)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
};

/** Whether a token of the person, issued then, has been ended since. Tokens carry whole seconds: one of the same second is taken for older. */
export const isEnded = async (db: Kysely<IdentitySchema>, staffId: string, issuedAt: Date): Promise<boolean> => {
  const row = await db.selectFrom('staff').select('not_before').where('id', '=', staffId).executeTakeFirst();
  return row?.not_before != null && issuedAt <= row.not_before;
};

export const auditPage = (
  db: Kysely<IdentitySchema>,
  filter: { staffId: string | undefined; subject: string | undefined; after: LogPlace | undefined; limit: number },
) =>
  db
    .selectFrom('staff_audit')
    .select(['id', 'at', 'staff_id', 'action', 'subject', 'reason', 'roles'])
    .$if(filter.staffId !== undefined, (query) => query.where('staff_id', '=', filter.staffId ?? ''))
    .$if(filter.subject !== undefined, (query) => query.where('subject', '=', filter.subject ?? ''))
    .$if(filter.after !== undefined, (query) =>
      query.where(sql<boolean>`(at, id) < (${filter.after?.at ?? new Date(0)}, ${filter.after?.id ?? '0'}::bigint)`),
    )
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(filter.limit)
    .execute();

/** What staff did to an account or to a ticket of it. */
export const countStaffActionsOn = async (tx: Transaction, accountId: string): Promise<number> => {
  const row = await tx
    .selectFrom('staff_audit')
    .select((e) => e.fn.countAll<bigint>().as('count'))
    .where((e) =>
      e.or([
        e('subject', '=', accountId),
        e(
          'subject',
          'in',
          e.selectFrom('recovery_ticket').select('recovery_ticket.id').where('account_id', '=', accountId),
        ),
      ]),
    )
    .executeTakeFirstOrThrow();
  return Number(row.count);
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
  await db.deleteFrom('staff_completion').where('expires_at', '<', now).execute();
};
