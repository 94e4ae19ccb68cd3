// Many questions, few statements. A question joins only a batch that is not yet sent: the statement's snapshot is then taken after the
// question was asked, so the answer is never older than the question. Joining a statement in flight would break exactly that.

export type BatchOptions<Q, A> = {
  /** Answers a batch, in its order. Called when nothing can join it any more. */
  readonly run: (questions: readonly Q[]) => Promise<readonly A[]>;
  readonly maxBatch: number;
  /** Batches at a time; while all are busy the next one grows, so its size follows the database's round trip. */
  readonly maxInFlight: number;
  /** Questions waiting; beyond it they are shed. */
  readonly maxWaiting: number;
  /** Milliseconds from question to answer, waiting included. */
  readonly deadlineMs: number;
  /** Milliseconds of a steady clock. */
  readonly clock?: () => number;
};

/** `overloaded`: too many wait; `timeout`: no answer in time. */
export class BatchError extends Error {
  override name = 'BatchError';
  readonly code: 'overloaded' | 'timeout';
  constructor(code: 'overloaded' | 'timeout') {
    super(code);
    this.code = code;
  }
}

type Asked<Q, A> = { question: Q; until: number; settle: PromiseWithResolvers<A> };

/** Answers a function that asks one question of the next batch. Rejects with BatchError or with what `run` rejected with. */
export const createBatchQueue = <Q, A>(options: BatchOptions<Q, A>): ((question: Q) => Promise<A>) => {
  const { clock = () => performance.now() } = options;
  let waiting: Asked<Q, A>[] = [];
  const inFlight = new Set<Asked<Q, A>[]>();
  let scheduled = false;
  let sweeper: NodeJS.Timeout | undefined;

  // One timer for all, instead of one each: a question may overstay by a twentieth of its deadline.
  const sweep = (): void => {
    const now = clock();
    const late = (asked: Asked<Q, A>) => asked.until <= now;
    for (const asked of waiting) if (late(asked)) asked.settle.reject(new BatchError('timeout'));
    waiting = waiting.filter((asked) => !late(asked));
    for (const batch of inFlight) {
      for (const asked of batch) if (late(asked)) asked.settle.reject(new BatchError('timeout'));
      // A statement that nobody waits for any more must not keep the others from theirs.
      if (batch.every(late)) inFlight.delete(batch);
    }
    if (waiting.length + inFlight.size === 0) {
      clearInterval(sweeper);
      sweeper = undefined;
    }
    schedule();
  };

  const send = async (): Promise<void> => {
    // From here on nobody can join this batch.
    const batch = waiting.splice(0, options.maxBatch);
    inFlight.add(batch);
    try {
      const answers = await options.run(batch.map(({ question }) => question));
      batch.forEach(({ settle }, i) => {
        settle.resolve(answers[i] as A);
      });
    } catch (error) {
      for (const { settle } of batch) settle.reject(error);
    } finally {
      inFlight.delete(batch);
      schedule();
    }
  };

  const schedule = (): void => {
    if (scheduled || waiting.length === 0 || inFlight.size >= options.maxInFlight) return;
    scheduled = true;
    // After the I/O of this turn, so that requests that arrived together travel together.
    setImmediate(() => {
      scheduled = false;
      // A rejection of the batch has been handed to its waiters already.
      if (waiting.length > 0 && inFlight.size < options.maxInFlight) void send();
      schedule();
    });
  };

  return (question) => {
    if (waiting.length >= options.maxWaiting) return Promise.reject(new BatchError('overloaded'));
    const settle = Promise.withResolvers<A>();
    waiting.push({ question, until: clock() + options.deadlineMs, settle });
    sweeper ??= setInterval(sweep, Math.max(5, options.deadlineMs / 20)).unref();
    schedule();
    return settle.promise;
  };
};
