// Offsets of handled records, committed together a few times a second: one request instead of one per record. What is not committed when a member
// dies is delivered again, which the inbox absorbs.
import type { Logger } from '../telemetry/log.ts';

type Offset = { topic: string; partition: number; offset: string };

type Options = {
  /** Commits "the next record to be handled" of each partition, in the generation in which it is called. */
  commit: (offsets: Offset[]) => Promise<void>;
  everyMs: number;
  log: Logger;
};

/** Collects offsets and commits them at most every `everyMs`, one request at a time. */
export const createOffsets = ({ commit, everyMs, log }: Options) => {
  let pending = new Map<string, Offset>();
  let timer: NodeJS.Timeout | undefined;
  let inFlight: Promise<void> = Promise.resolve();
  /** Counts assignments: what could not be committed in one is not committed in the next. */
  let epoch = 0;

  const commitPending = async () => {
    clearTimeout(timer);
    timer = undefined;
    const taken = pending;
    if (taken.size === 0) return;
    pending = new Map();
    const takenIn = epoch;
    try {
      await commit([...taken.values()]);
    } catch (err) {
      log.debug({ err }, 'offsets could not be committed');
      if (takenIn !== epoch) return;
      // Newer offsets stand; the others are tried again with them.
      for (const [lane, offset] of taken) if (!pending.has(lane)) pending.set(lane, offset);
      schedule();
    }
  };
  const flush = () => {
    inFlight = inFlight.then(commitPending);
    return inFlight;
  };
  const schedule = () => {
    timer ??= setTimeout(() => void flush(), everyMs);
  };
  return {
    /** The record before `next` was handled, and everything before it. */
    handled: (topic: string, partition: number, next: bigint) => {
      pending.set(`${topic}/${partition}`, { topic, partition, offset: next.toString() });
      schedule();
    },
    /** Commits now what was handled; never rejects. */
    flush,
    /** Partitions were assigned anew: what is not committed belongs to another member, or is delivered to this one again. */
    forget: () => {
      epoch += 1;
      pending.clear();
    },
    stop: () => clearTimeout(timer),
  };
};
