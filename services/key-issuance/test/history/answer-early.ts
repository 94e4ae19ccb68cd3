// A planted bug: what is done in a transaction is answered before the transaction is committed.
import type { Database } from '@meridian/kit/db/database.ts';
import type { Schema } from '../../src/db/schema.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The database, but a transaction's result is handed out `ms` before its commit. A commit that fails after that is news to nobody. */
export const answerEarly = (db: Database<Schema>, ms = 5): Database<Schema> => ({
  ...db,
  transaction: (work, options) =>
    new Promise((resolve, reject) => {
      db.transaction(async (tx) => {
        const result = await work(tx);
        resolve(result);
        await pause(ms);
        return result;
      }, options).catch(reject);
    }),
});
