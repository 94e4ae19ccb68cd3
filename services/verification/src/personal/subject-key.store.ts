// The data key of an account. Three states: never (no row), active, erased. A missing key is made only by a writer that asks for it, and
// never again once it was erased; otherwise provisioning on write would silently undo an erasure.
import { accountCancelled } from '@meridian/contracts/common.ts';
import type { KeyRing } from '@meridian/kit/crypto/key-ring.ts';
import { type DataKey, newDataKey, openDataKey, type Place } from '@meridian/kit/crypto/seal.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { Kysely } from 'kysely';
import type { Schema } from '../db/schema.ts';

export type KeyDeps = { readonly region: string; readonly dataKeys: KeyRing; readonly now: () => Date };

const placeOf = (region: string, accountId: string): Place => ({
  region,
  table: 'subject_key',
  row: accountId,
  field: 'wrapped',
});

export type SubjectKey = { state: 'never' } | { state: 'erased' } | { state: 'active'; dataKey: DataKey };

/** The key as it stands; makes none. */
export const findSubjectKey = async (
  db: Tx<Schema> | Kysely<Schema>,
  deps: KeyDeps,
  accountId: string,
): Promise<SubjectKey> => {
  const row = await db.selectFrom('subject_key').selectAll().where('account_id', '=', accountId).executeTakeFirst();
  if (!row) return { state: 'never' };
  if (row.state === 'erased' || row.wrapped === null || row.key_version === null) return { state: 'erased' };
  return {
    state: 'active',
    dataKey: openDataKey(deps.dataKeys, placeOf(deps.region, accountId), row.wrapped, row.key_version),
  };
};

/** The active key, made on first use. Call it under the account's row lock. */
export const provideSubjectKey = async (tx: Tx<Schema>, deps: KeyDeps, accountId: string): Promise<DataKey> => {
  const found = await findSubjectKey(tx, deps, accountId);
  if (found.state === 'active') return found.dataKey;
  if (found.state === 'erased')
    return fail(accountCancelled, { detail: 'What this account held was erased; it takes no new data' });
  const { dataKey, wrapped } = newDataKey(deps.dataKeys, placeOf(deps.region, accountId));
  await tx
    .insertInto('subject_key')
    .values({
      account_id: accountId,
      state: 'active',
      wrapped,
      key_version: dataKey.version,
      created_at: deps.now(),
      erased_at: null,
    })
    .execute();
  return dataKey;
};

/** Forgets the key: whatever was sealed under it stays closed, in replicas and backups of the data too. Answers how many keys went. */
export const eraseSubjectKey = async (tx: Tx<Schema>, accountId: string, now: Date): Promise<number> => {
  const result = await tx
    .updateTable('subject_key')
    .set({ state: 'erased', wrapped: null, key_version: null, erased_at: now })
    .where('account_id', '=', accountId)
    .where('state', '=', 'active')
    .executeTakeFirst();
  return Number(result.numUpdatedRows);
};
