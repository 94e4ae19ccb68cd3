// Reads of digests in batches; equal digests of a batch are read once. Everybody who asks has a place and a deadline of their own in the
// queue, so a hot key is bounded like many cold ones. The rule that makes it safe is the queue's: a question joins only a batch that is not
// yet sent.
import { type BatchOptions, createBatchQueue } from './batch-queue.ts';

export type CoalesceOptions<V> = Omit<BatchOptions<Buffer, V>, 'run'> & {
  /** Reads a batch of distinct digests; what is not in the map does not exist. */
  readonly read: (digests: readonly Buffer[]) => Promise<ReadonlyMap<string, V>>;
};

/** Answers a function that reads one digest. Rejects as the queue does. */
export const coalesce = <V>(options: CoalesceOptions<V>): ((digest: Buffer) => Promise<V | undefined>) =>
  createBatchQueue<Buffer, V | undefined>({
    ...options,
    run: async (digests) => {
      const names = digests.map((digest) => digest.toString('hex'));
      const distinct = new Map(names.map((name, i) => [name, digests[i] as Buffer]));
      const found = await options.read([...distinct.values()]);
      return names.map((name) => found.get(name));
    },
  });
