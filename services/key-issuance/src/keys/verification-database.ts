// What only verifications ask of the database, on connections of their own. Statements end with the patience of whoever waits for them, so however
// long the database stalls in part, what is given up does not fill up the connections that revoke and fence. But what is given up keeps its
// connection until then: whatever waits for rows of others (counters, last uses) has connections apart from those that read keys.
import { createDatabase, type Database, type DatabaseOptions } from '@meridian/kit/db/database.ts';
import type { Schema } from '../db/schema.ts';
import { type RateAnswer, type RateQuestion, takeRates } from '../rates/rate.store.ts';
import { retryConflicts } from '../rates/retry-conflicts.ts';
import { createBatchQueue } from './batch-queue.ts';
import { coalesce } from './coalesce.ts';
import { writeLastUsed } from './key.store.ts';
import { findFacts } from './key-facts.store.ts';
import type { Uses } from './last-used.ts';
import type { VerifyDeps } from './verify-key.ts';

export type PoolSizes = { readonly reading: number; readonly counting: number; readonly rest: number };

/** A quarter of the service's connections, at least one, reads keys and as many count; the rest is for everything else. */
export const splitPool = (connections: number): PoolSizes => {
  const each = Math.max(1, Math.floor(connections / 4));
  return { reading: each, counting: each, rest: connections - 2 * each };
};

export type VerificationDatabase = Pick<VerifyDeps, 'factsOf' | 'takeRates'> & {
  readonly writeLastUsed: (uses: Uses) => Promise<void>;
  readonly close: () => Promise<void>;
};

export const openVerificationDatabase = (
  options: Pick<DatabaseOptions, 'url' | 'log'> & {
    readonly pool: Omit<PoolSizes, 'rest'>;
    /** Patience with each statement, waiting included. */
    readonly deadlineMs: number;
    readonly now: () => Date;
  },
): VerificationDatabase => {
  const { url, log, pool, deadlineMs, now } = options;
  const open = (use: 'reading' | 'counting'): Database<Schema> =>
    createDatabase<Schema>({
      url,
      log,
      poolSize: pool[use],
      applicationName: `key-issuance ${use}`,
      statementTimeoutMs: deadlineMs,
      indexedOnly: true,
    });
  const [reading, counting] = [open('reading'), open('counting')];
  const queue = { maxBatch: 256, maxWaiting: 10_000, deadlineMs };
  return {
    factsOf: coalesce({
      ...queue,
      maxInFlight: pool.reading,
      read: (digests) => findFacts(reading.read, digests, now()),
    }),
    takeRates: createBatchQueue<RateQuestion, RateAnswer>({
      ...queue,
      maxInFlight: pool.counting,
      run: (questions) => retryConflicts(() => takeRates(counting.read, questions, now())),
    }),
    writeLastUsed: (uses) => retryConflicts(() => writeLastUsed(counting.read, uses)),
    close: async () => void (await Promise.all([reading.close(), counting.close()])),
  };
};
