import { errorCode } from '@meridian/kit/error-code.ts';
import type { Billing } from '../platform.ts';
import { expireHold } from './expire-hold.ts';
import { type OverdueHold, overdueHolds } from './hold.store.ts';

const batch = 200;

/**
 * Closes every overdue hold, each in a transaction of its own; any number of replicas may do so at once. One that cannot be closed is told as
 * an alarm and left for the next round; it holds up no other. Answers how many were closed.
 */
export const sweepHolds = async ({
  platform,
  deps,
}: {
  readonly platform: Pick<Billing['platform'], 'db' | 'log'>;
  readonly deps: Billing['deps'];
}): Promise<number> => {
  let closed = 0;
  let after: OverdueHold | undefined;
  for (;;) {
    const due: OverdueHold[] = await overdueHolds(platform.db.read, { at: deps.now(), after, limit: batch });
    for (const { requestId } of due) {
      try {
        if (await platform.db.transaction((tx) => expireHold(tx, deps, requestId))) closed += 1;
      } catch (err) {
        deps.metrics.holdsStuck.inc();
        platform.log.error({ err, requestId, code: errorCode(err) }, 'an overdue hold cannot be closed');
      }
    }
    after = due.at(-1);
    if (due.length < batch) return closed;
  }
};
