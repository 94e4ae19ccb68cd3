// Deleting what is over without holding many locks, and without falling behind.

export type DeleteOptions = {
  /** Rows of one statement. */
  readonly limit: number;
  /** Milliseconds after which the rest is left to the next sweep. */
  readonly budgetMs: number;
  readonly signal?: AbortSignal | undefined;
};

/** Repeats `deleteUpTo`, which answers how many rows it deleted, until it deletes fewer than it might; answers how many in all. */
export const deleteInBatches = async (
  deleteUpTo: (limit: number) => Promise<number>,
  { limit, budgetMs, signal }: DeleteOptions,
): Promise<number> => {
  const until = performance.now() + budgetMs;
  let sum = 0;
  for (;;) {
    const deleted = await deleteUpTo(limit);
    sum += deleted;
    if (deleted < limit || performance.now() >= until || signal?.aborted) return sum;
  }
};
