// Reads of digests in batches; equal digests of a batch are read once. The rule that makes it safe is the queue's: a question joins only a
// batch that is not yet sent.
import { type BatchOptions, createBatchQueue } from './batch-queue.ts';

export type CoalesceOptions<V> = Omit<BatchOptions<Buffer, V>, 'run'> & {
  /** Reads a batch; what is not in the map does not exist. */
  readonly read: (digests: readonly Buffer[]) => Promise<ReadonlyMap<string, V>>;
};

/** Answers a function that reads one digest. Rejects as the queue does. */
export const coalesce = <V>(options: CoalesceOptions<V>): ((digest: Buffer) => Promise<V | undefined>) => {
  const unsent = new Map<string, Promise<V | undefined>>();
  const ask = createBatchQueue<Buffer, V | undefined>({
    ...options,
    run: async (digests) => {
      const names = digests.map((digest) => digest.toString('hex'));
      // From here on a twin asks anew.
      for (const name of names) unsent.delete(name);
      const found = await options.read(digests);
      return names.map((name) => found.get(name));
    },
  });
  return (digest) => {
    const name = digest.toString('hex');
    const twin = unsent.get(name);
    if (twin) return twin;
    const answer = ask(digest);
    unsent.set(name, answer);
    // One that was shed or waited too long is never sent; nobody may join what has failed.
    answer.catch(() => {
      if (unsent.get(name) === answer) unsent.delete(name);
    });
    return answer;
  };
};
