// Connections that only verifications use. Their statements end with the patience of whoever waits for them, so however long the database
// stalls in part, what is given up does not fill up the connections that revoke and fence.
import { createDatabase, type Database, type DatabaseOptions } from '@meridian/kit/db/database.ts';
import type { Schema } from '../db/schema.ts';

/** Half of the service's connections, at least one, for verifications; the rest for everything else. */
export const splitPool = (connections: number): { readonly verifying: number; readonly rest: number } => {
  const verifying = Math.max(1, Math.floor(connections / 2));
  return { verifying, rest: connections - verifying };
};

export const openVerificationDatabase = (
  options: Pick<DatabaseOptions, 'url' | 'poolSize' | 'log'> & { readonly deadlineMs: number },
): Database<Schema> => {
  const { deadlineMs, ...rest } = options;
  return createDatabase<Schema>({
    ...rest,
    applicationName: 'key-issuance verification',
    statementTimeoutMs: deadlineMs,
  });
};
