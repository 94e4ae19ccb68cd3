// What is over and may go: changes nobody waits for, the audit beyond its legal period, idle counters, usage reports of yesterday.
import { addMonths } from '@meridian/kit/add-months.ts';
import { type DeleteOptions, deleteInBatches } from '@meridian/kit/db/delete-in-batches.ts';
import type { Kysely } from 'kysely';
import { pruneChanges } from './changes/key-change.store.ts';
import type { Schema } from './db/schema.ts';
import type { AuditRetention } from './gates/erase-account.ts';
import { pruneAudit } from './keys/key-audit.store.ts';
import { pruneReports, pruneWindows } from './rates/rate.store.ts';

const dayMs = 24 * 3_600_000;

export type SweepOptions = DeleteOptions & { readonly auditRetention: AuditRetention };

/** Any replica may, also at the same time as others: each deletes what no other has in hand. Answers how many rows of each kind went. */
export const sweep = async (db: Kysely<Schema>, now: Date, options: SweepOptions) => {
  const yesterday = new Date(now.getTime() - dayMs);
  const auditSince = addMonths(now, -options.auditRetention.months);
  return {
    // A gateway away for so long has ended every stream already.
    changes: await deleteInBatches((limit) => pruneChanges(db, yesterday, limit), options),
    audit: await deleteInBatches((limit) => pruneAudit(db, auditSince, limit), options),
    windows: await deleteInBatches((limit) => pruneWindows(db, now, limit), options),
    reports: await deleteInBatches((limit) => pruneReports(db, yesterday, limit), options),
  };
};
