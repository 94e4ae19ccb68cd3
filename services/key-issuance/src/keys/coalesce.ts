// Many questions, few statements. A question joins only a batch that is not yet sent: the statement's snapshot is then taken after the
// question was asked, so the answer is never older than the question. Joining a statement in flight would break exactly that.

export type CoalesceOptions<V> = {
  /** Reads a batch; what is not in the map does not exist. */
  readonly read: (digests: readonly Buffer[]) => Promise<ReadonlyMap<string, V>>;
  readonly maxBatch: number;
  /** Statements at a time; while all are busy the next batch grows, so its size follows the database's round trip. */
  readonly maxInFlight: number;
  /** Distinct questions waiting; beyond it they are shed. */
  readonly maxWaiting: number;
  /** Milliseconds a statement may take. */
  readonly deadlineMs: number;
};

/** `overloaded`: too many wait; `timeout`: the statement did not answer in time. */
export class CoalesceError extends Error {
  override name = 'CoalesceError';
  readonly code: 'overloaded' | 'timeout';
  constructor(code: 'overloaded' | 'timeout') {
    super(code);
    this.code = code;
  }
}

type Waiting<V> = { digest: Buffer; settle: PromiseWithResolvers<V | undefined> };

/** Answers a function that reads one digest; equal digests of one batch are read once. */
export const coalesce = <V>(options: CoalesceOptions<V>): ((digest: Buffer) => Promise<V | undefined>) => {
  const waiting = new Map<string, Waiting<V>>();
  let inFlight = 0;
  let scheduled = false;

  const withDeadline = async <T>(work: Promise<T>): Promise<T> => {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new CoalesceError('timeout')), options.deadlineMs);
    try {
      return await Promise.race([work, promise]);
    } finally {
      clearTimeout(timer);
    }
  };

  const send = async (): Promise<void> => {
    const batch = [...waiting].slice(0, options.maxBatch);
    // From here on nobody can join this batch.
    for (const [hex] of batch) waiting.delete(hex);
    inFlight += 1;
    try {
      const found = await withDeadline(options.read(batch.map(([, { digest }]) => digest)));
      for (const [hex, { settle }] of batch) settle.resolve(found.get(hex));
    } catch (error) {
      for (const [, { settle }] of batch) settle.reject(error);
    } finally {
      inFlight -= 1;
      schedule();
    }
  };

  const schedule = (): void => {
    if (scheduled || waiting.size === 0 || inFlight >= options.maxInFlight) return;
    scheduled = true;
    // After the I/O of this turn, so that requests that arrived together travel together.
    setImmediate(() => {
      scheduled = false;
      // A rejection of the batch has been handed to its waiters already.
      if (waiting.size > 0) void send();
      schedule();
    });
  };

  return async (digest) => {
    const hex = digest.toString('hex');
    const twin = waiting.get(hex);
    if (twin) return twin.settle.promise;
    if (waiting.size >= options.maxWaiting) throw new CoalesceError('overloaded');
    const settle = Promise.withResolvers<V | undefined>();
    waiting.set(hex, { digest, settle });
    schedule();
    return settle.promise;
  };
};
