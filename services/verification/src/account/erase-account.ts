import type { Tx } from '@meridian/kit/db/database.ts';
import type { ErasureReceipt } from '@meridian/kit/db/schema.ts';
import { newTimelessId } from '@meridian/kit/ids.ts';
import type { Schema } from '../db/schema.ts';
import { registerDay } from '../personal/identity-number.ts';
import { eraseSubjectKey } from '../personal/subject-key.store.ts';

const count = async (tx: Tx<Schema>, table: 'submission' | 'subject_slot' | 'verification', accountId: string) => {
  const { n } = await tx
    .selectFrom(table)
    .select(({ fn }) => fn.countAll<bigint>().as('n'))
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow();
  return Number(n);
};

/**
 * Erases what verification holds of an account: the data key first (what backups keep stays closed), then submissions, the blind index
 * with its slot, attempts and the verification itself. What stays is a record per decision that names neither account nor person.
 */
export const eraseAccount = async (
  tx: Tx<Schema>,
  deps: { region: string; now: () => Date },
  accountId: string,
): Promise<ErasureReceipt> => {
  const now = deps.now();
  const dataKeys = await eraseSubjectKey(tx, accountId, now);
  const erased = {
    data_keys: dataKeys,
    submissions: await count(tx, 'submission', accountId),
    blind_indexes: await count(tx, 'subject_slot', accountId),
    verifications: await count(tx, 'verification', accountId),
  };
  const decided = await tx
    .selectFrom('submission')
    .select(['state', 'decided_at', 'provider', 'consent_version'])
    .where('account_id', '=', accountId)
    .where('state', 'in', ['approved', 'rejected'])
    .execute();
  for (const { state, decided_at, provider, consent_version } of decided)
    await tx
      .insertInto('decision_record')
      .values({
        // Timeless, and a day instead of a moment: either could be matched with the tombstone, or with a log.
        id: newTimelessId('rec', deps.region),
        outcome: state,
        decided_on: registerDay(decided_at ?? now),
        provider,
        consent_version,
      })
      .execute();
  await tx.deleteFrom('verification').where('account_id', '=', accountId).execute();
  return { erased, retained: [] };
};
