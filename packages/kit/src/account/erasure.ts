// The reaction of every service to the erasure of an account: erase, leave a tombstone, answer. One transaction.
import { accountErased, accountErasureRequested } from '@meridian/contracts/events/lifecycle.ts';
import { sql } from 'kysely';
import type { Tx } from '../db/database.ts';
import type { ErasureReceipt, KitSchema } from '../db/schema.ts';
import { type PublishDeps, publish } from '../events/publish.ts';
import { type Reaction, reaction } from '../events/reaction.ts';
import { userScope } from '../http/idempotency.ts';
import { fenceAccount } from './fence.ts';
import { findTombstone, writeTombstone } from './tombstone.ts';

export type ErasureOptions<S extends KitSchema> = {
  /** Deletes what the service holds of the account; counts per class of data, and what the law makes it keep. Must be repeatable. */
  erase: (tx: Tx<S>, accountId: string) => Promise<ErasureReceipt>;
};

/** Deletes what is kept of the account's requests, sealed answers included; answers it as a class of data, if there was any. */
export const eraseStoredAnswers = async <S extends KitSchema>(
  tx: Tx<S>,
  accountId: string,
): Promise<{ idempotency_keys?: number }> => {
  const { numAffectedRows } = await sql`delete from idempotency_key where scope = ${userScope(accountId)}`.execute(tx);
  return numAffectedRows ? { idempotency_keys: Number(numAffectedRows) } : {};
};

/** Erases on `account-erasure-requested.v1` and answers `account-erased.v1`. A repeated request is answered again with the first receipt. */
export const eraseOnRequest = <S extends KitSchema>(deps: PublishDeps, { erase }: ErasureOptions<S>): Reaction<S> =>
  reaction<S, typeof accountErasureRequested>(
    accountErasureRequested,
    async (tx, { id, accountId, data: { sagaId } }) => {
      const now = deps.now();
      // The fence was acknowledged before; it is set again so that erasing is safe even where it was lost with a restored backup.
      await fenceAccount(tx, { accountId, sagaId, now });
      let receipt = (await findTombstone(tx, accountId))?.receipt;
      if (!receipt) {
        const { erased, retained } = await erase(tx, accountId);
        receipt = { erased: { ...erased, ...(await eraseStoredAnswers(tx, accountId)) }, retained };
        await sql`delete from not_before where account_id = ${accountId}`.execute(tx);
        await writeTombstone(tx, { accountId, sagaId, erasedAt: now, receipt });
      }
      await publish(tx, deps, accountErased, {
        accountId,
        data: { sagaId, service: deps.service, erased: receipt.erased, retained: receipt.retained },
        causationId: id,
      });
    },
    { lifecycle: true },
  );
