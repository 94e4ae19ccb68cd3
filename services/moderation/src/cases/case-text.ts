// What persons wrote about a case, sealed under a key of the case. Erasing the key makes all of it unreadable, in backups too.
import { type DataKey, newDataKey, openDataKey, openText, type Place, sealText } from '@meridian/kit/crypto/seal.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import type { Schema } from '../db/schema.ts';
import type { ModerationDeps } from '../deps.ts';
import type { CaseRow } from './case.store.ts';

/** What is shown where the key of a case is gone. */
export const erasedText = '[erased]';

type Sealing = Pick<ModerationDeps, 'region' | 'caseKeys'>;
const keyPlace = (region: string, caseId: string): Place => ({
  region,
  table: 'moderation_case',
  row: caseId,
  field: 'key',
});
const placeOf = (region: string, table: 'appeal' | 'decision', row: string): Place => ({
  region,
  table,
  row,
  field: table === 'appeal' ? 'text' : 'reason',
});

/** Columns of a new case that hold its key. */
export const newCaseKey = ({ region, caseKeys }: Sealing, caseId: string) => {
  const { dataKey, wrapped } = newDataKey(caseKeys, keyPlace(region, caseId));
  return { key_wrapped: wrapped, key_version: dataKey.version };
};

const keyOf = ({ region, caseKeys }: Sealing, row: CaseRow): DataKey | undefined =>
  row.key_wrapped && row.key_version !== null
    ? openDataKey(caseKeys, keyPlace(region, row.id), row.key_wrapped, row.key_version)
    : undefined;

/** Seals an appeal's text or a decision's reason. Throws when the key of the case was erased: it is never made again. */
export const sealCaseText = (
  deps: Sealing,
  row: CaseRow,
  table: 'appeal' | 'decision',
  id: string,
  text: string,
): Buffer => {
  const key = keyOf(deps, row);
  if (!key) throw new Error(`the key of case ${row.id} is gone`);
  return sealText(key, placeOf(deps.region, table, id), text);
};

export const openCaseText = (
  deps: Sealing,
  row: CaseRow,
  table: 'appeal' | 'decision',
  id: string,
  sealed: Buffer,
): string => {
  const key = keyOf(deps, row);
  return key ? openText(key, placeOf(deps.region, table, id), sealed) : erasedText;
};

/** Destroys the keys of all cases of an account; answers how many. */
export const eraseCaseKeys = async (tx: Tx<Schema>, accountId: string): Promise<number> => {
  const result = await tx
    .updateTable('moderation_case')
    .set({ key_wrapped: null, key_version: null })
    .where('account_id', '=', accountId)
    .where('key_wrapped', 'is not', null)
    .executeTakeFirst();
  return Number(result.numUpdatedRows);
};
