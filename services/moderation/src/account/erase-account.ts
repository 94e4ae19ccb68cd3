import type { Tx } from '@meridian/kit/db/database.ts';
import type { ErasureReceipt } from '@meridian/kit/db/schema.ts';
import { newTimelessId } from '@meridian/kit/ids.ts';
import { eraseCaseKeys } from '../cases/case-text.ts';
import { liftProtection } from '../cases/protection.store.ts';
import type { Schema } from '../db/schema.ts';
import { lockAccount } from './account.store.ts';

const deleted = (result: { numDeletedRows: bigint }) => Number(result.numDeletedRows);

/** What stays says on which day (UTC) an account was erased, not when: the moment could be matched with the tombstone, or with a log. */
const dayOf = (now: Date): Date => new Date(Math.floor(now.getTime() / 86_400_000) * 86_400_000);

/** A protection, with its case, under a random id; another one for each, so that not even they can be put together. */
const pseudonymise = async (tx: Tx<Schema>, deps: { region: string; now: () => Date }, accountId: string) => {
  const erasedOn = dayOf(deps.now());
  const cases = await tx
    .selectFrom('moderation_case')
    .select(['id', 'state'])
    .where('account_id', '=', accountId)
    .execute();
  for (const { id, state } of cases) {
    const nobody = newTimelessId('acc', deps.region);
    await tx.updateTable('protection').set({ account_id: nobody }).where('case_id', '=', id).execute();
    await tx
      .updateTable('moderation_case')
      .set({
        account_id: nobody,
        appeal_open: false,
        // An undecided case has nothing left to be decided about.
        ...(state === 'open' && { state: 'expired', closed_at: erasedOn }),
      })
      .where('id', '=', id)
      .execute();
  }
  return cases.length;
};

/**
 * Erases what moderation holds of an account: the keys of its cases (appeals and reasons become unreadable, in backups too), appeals,
 * strikes, fingerprints and overrides. Cases and decisions stay as a record of what rules and reviewers did, under random ids. Events
 * name the account beside its case for as long as they are kept (docs/operations.md).
 */
export const eraseAccount = async (
  tx: Tx<Schema>,
  deps: { region: string; now: () => Date },
  accountId: string,
): Promise<ErasureReceipt> => {
  await lockAccount(tx, accountId);
  const active = await tx
    .selectFrom('protection')
    .select('id')
    .where('account_id', '=', accountId)
    .where('lifted_at', 'is', null)
    .executeTakeFirst();
  // Nobody is told: the account itself is gone, and who listens has erased it too.
  if (active) await liftProtection(tx, active.id, 'erased', dayOf(deps.now()));
  const caseKeys = await eraseCaseKeys(tx, accountId);
  const ids = tx.selectFrom('moderation_case').select('id').where('account_id', '=', accountId);
  const appeals = deleted(await tx.deleteFrom('appeal').where('case_id', 'in', ids).executeTakeFirstOrThrow());
  const strikes = deleted(await tx.deleteFrom('strike').where('account_id', '=', accountId).executeTakeFirstOrThrow());
  const fingerprints = deleted(
    await tx.deleteFrom('counted_fingerprint').where('account_id', '=', accountId).executeTakeFirstOrThrow(),
  );
  await tx.deleteFrom('rule_override').where('account_id', '=', accountId).execute();
  const cases = await pseudonymise(tx, deps, accountId);
  await tx.deleteFrom('moderated_account').where('account_id', '=', accountId).execute();
  return {
    erased: { case_keys: caseKeys, appeals, strikes, fingerprints, cases_pseudonymised: cases },
    retained: [],
  };
};
