// SQL of recoveries.
import type { ProofKind } from '@meridian/contracts/identity-recovery.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { type Kysely, type Selectable, sql } from 'kysely';
import type { IdentitySchema } from '../db/schema.ts';
import type { RecoveryTable } from './recovery.schema.ts';
import { maxProofTries } from './recovery.ts';

type Transaction = Tx<IdentitySchema>;
export type Recovery = Selectable<RecoveryTable>;

export const insertRecovery = async (
  tx: Transaction,
  row: Pick<
    Recovery,
    'id' | 'account_id' | 'identifier_hash' | 'token_hash' | 'started_by' | 'proofs' | 'created_at' | 'expires_at'
  >,
): Promise<void> => {
  await tx
    .insertInto('recovery')
    .values({ ...row, ended_at: null, ended_as: null })
    .execute();
};

export const findRecovery = (
  db: Kysely<IdentitySchema> | Transaction,
  tokenHash: string,
  now: Date,
): Promise<Recovery | undefined> =>
  db
    .selectFrom('recovery')
    .selectAll()
    .where('token_hash', '=', tokenHash)
    .where('ended_at', 'is', null)
    .where('expires_at', '>', now)
    .executeTakeFirst();

/** Counts one try in the statement that finds it. */
export const raiseProofTries = (tx: Transaction, tokenHash: string, now: Date): Promise<Recovery | undefined> =>
  tx
    .updateTable('recovery')
    .set((e) => ({ tries: e('tries', '+', 1) }))
    .where('token_hash', '=', tokenHash)
    .where('ended_at', 'is', null)
    .where('expires_at', '>', now)
    .where('tries', '<', maxProofTries)
    .returningAll()
    .executeTakeFirst();

/** Adds a proof once; undefined when the recovery ended meanwhile. */
export const addProof = (
  tx: Transaction,
  id: string,
  proof: { kind: ProofKind; contactId: string | undefined },
): Promise<Recovery | undefined> =>
  tx
    .updateTable('recovery')
    .set({
      proofs: sql`(select array_agg(distinct p) from unnest(proofs || ${[proof.kind]}::text[]) p)`,
      contact_ids: sql`(select coalesce(array_agg(distinct c), '{}') from unnest(contact_ids || ${proof.contactId === undefined ? [] : [proof.contactId]}::text[]) c)`,
    })
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .returningAll()
    .executeTakeFirst();

/** Uses it up; false when another request did, or it was stopped. */
export const endRecovery = async (
  tx: Transaction,
  id: string,
  as: 'completed' | 'stopped',
  now: Date,
): Promise<boolean> =>
  (
    await tx
      .updateTable('recovery')
      .set({ ended_at: now, ended_as: as })
      .where('id', '=', id)
      .where('ended_at', 'is', null)
      .where('expires_at', '>', now)
      .executeTakeFirst()
  ).numUpdatedRows === 1n;

export const stopRecoveriesOf = async (tx: Transaction, accountId: string, now: Date): Promise<number> =>
  Number(
    (
      await tx
        .updateTable('recovery')
        .set({ ended_at: now, ended_as: 'stopped' })
        .where('account_id', '=', accountId)
        .where('ended_at', 'is', null)
        .where('expires_at', '>', now)
        .executeTakeFirst()
    ).numUpdatedRows,
  );

/** A day after its end nothing of a recovery is of use. */
export const deleteOldRecoveries = async (db: Kysely<IdentitySchema>, now: Date): Promise<void> => {
  await db
    .deleteFrom('recovery')
    .where('expires_at', '<', new Date(now.getTime() - 86_400_000))
    .execute();
};
