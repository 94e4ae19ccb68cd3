import { type Stand, waitFor } from './stand.ts';

/** Until somebody waits for a lock that the test holds. */
export const someoneWaits = (stand: Stand): Promise<unknown> =>
  waitFor('somebody to wait for the lock', async () => {
    const { rowCount } = await stand.pool.query(
      "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    return rowCount !== 0;
  });
