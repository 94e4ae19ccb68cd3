// Waiting for the position to move. Whoever waits shares one poll of the table, so a commit by any replica wakes everyone; with nobody
// waiting nothing is asked. A read counts only for who waited before it was sent: an older one may be lower than what a caller has seen already.

export type ChangeWatch = {
  /**
   * Resolves with the present position as soon as it differs from `after`, at the latest a poll after `waitMs`. A lower one is never an old
   * one: the database was restored. Rejects when the table cannot be read, and with code `too_many_waiters` beyond the bound.
   */
  readonly differs: (after: bigint, waitMs: number) => Promise<bigint>;
  /** Answers everybody now, and from now on at once. */
  readonly stop: () => void;
};

export class TooManyWaitersError extends Error {
  override name = 'TooManyWaitersError';
  readonly code = 'too_many_waiters';
}

type Waiter = {
  after: bigint;
  firstRead: number;
  until: number;
  resolve: (position: bigint) => void;
  reject: (error: unknown) => void;
};

export const createChangeWatch = (options: {
  readonly head: () => Promise<bigint>;
  /** Milliseconds between two polls. */
  readonly pollMs: number;
  readonly maxWaiters: number;
}): ChangeWatch => {
  const waiters = new Set<Waiter>();
  let reads = 0;
  let polling = false;
  let stopped = false;

  const answer = (position: bigint, read: number): void => {
    for (const waiter of [...waiters]) {
      if (read < waiter.firstRead) continue;
      if (position === waiter.after && performance.now() < waiter.until) continue;
      waiters.delete(waiter);
      waiter.resolve(position);
    }
  };

  const poll = async (): Promise<void> => {
    try {
      while (waiters.size > 0) {
        reads += 1;
        answer(await options.head(), reads);
        if (waiters.size > 0) await new Promise((resolve) => setTimeout(resolve, options.pollMs));
      }
    } catch (error) {
      for (const waiter of waiters) waiter.reject(error);
      waiters.clear();
    } finally {
      polling = false;
    }
  };

  return {
    differs: async (after, waitMs) => {
      if (stopped) return after;
      if (waiters.size >= options.maxWaiters) throw new TooManyWaitersError('too many wait for key changes');
      const { promise, resolve, reject } = Promise.withResolvers<bigint>();
      waiters.add({ after, firstRead: reads + 1, until: performance.now() + waitMs, resolve, reject });
      if (!polling) {
        polling = true;
        // Errors are handed to the waiters.
        void poll();
      }
      return promise;
    },
    stop: () => {
      stopped = true;
      // At once: the pool is closed soon after, and whoever waits may long be gone.
      for (const waiter of waiters) waiter.resolve(waiter.after);
      waiters.clear();
    },
  };
};
