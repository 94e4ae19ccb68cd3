import type { Billing } from '../platform.ts';
import { expireHold } from './expire-hold.ts';
import { overdueHolds } from './hold.store.ts';

const batch = 200;

/** Closes every overdue hold, each in a transaction of its own; any number of replicas may do so at once. Answers how many. */
export const sweepHolds = async ({ platform, deps }: Billing): Promise<number> => {
  let closed = 0;
  for (;;) {
    const due = await overdueHolds(platform.db.read, deps.now(), batch);
    const before = closed;
    for (const requestId of due)
      if (await platform.db.transaction((tx) => expireHold(tx, deps, requestId))) closed += 1;
    // Nothing could be closed: what is left is being worked on by others.
    if (due.length < batch || closed === before) return closed;
  }
};
