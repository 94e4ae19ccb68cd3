// Erase what this service holds of an account. Digests stay, without an owner, so that its keys stay dead.
import { addMonths } from '@meridian/kit/add-months.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import type { ErasureReceipt } from '@meridian/kit/db/schema.ts';
import type { Schema } from '../db/schema.ts';
import type { Deps } from '../deps.ts';
import { eraseKeys } from '../keys/key.store.ts';
import { countAudit } from '../keys/key-audit.store.ts';
import { eraseRates } from '../rates/rate.store.ts';
import { deleteGate } from './gate.store.ts';

/** How long the record of who did what is kept, and by what law. */
export type AuditRetention = { readonly months: number; readonly basis: string };

/**
 * Can be repeated: a second run finds nothing. The changes that tell gateways to end streams stay for their 24 hours: a gateway may not have
 * heard of the cancellation yet.
 */
export const eraseAccount = async (
  tx: Tx<Schema>,
  deps: Pick<Deps, 'now'> & { readonly auditRetention: AuditRetention },
  accountId: string,
): Promise<ErasureReceipt> => {
  const now = deps.now();
  await eraseRates(tx, accountId);
  const keys = await eraseKeys(tx, accountId, now);
  const gates = await deleteGate(tx, accountId);
  const count = await countAudit(tx, accountId);
  const { auditRetention } = deps;
  return {
    erased: { api_keys: keys, ...gates },
    retained:
      count === 0 || auditRetention.months === 0
        ? []
        : [
            {
              class: 'key_audit',
              count,
              basis: auditRetention.basis,
              until: addMonths(now, auditRetention.months).toISOString().slice(0, 10),
            },
          ],
  };
};
