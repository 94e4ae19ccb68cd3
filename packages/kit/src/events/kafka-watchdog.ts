// kafkajs consumers have been reported to go quiet without an error (tulios/kafkajs#659, #558, #1593). The only cure is a new process.

export type Assigned = ReadonlyMap<string, readonly number[]>;

const lanesOf = (partitions: Assigned): string[] =>
  [...partitions].flatMap(([topic, numbers]) => numbers.map((number) => `${topic}/${number}`));

type Options = {
  quietMs: number;
  /** A batch is in hand. kafkajs fetches again only after every batch of the last fetch, so this time is not the client's. */
  inHand: () => boolean;
  /** The partition waits for the next try of a record: it is quiet because we asked for it. */
  paused: (topic: string, partition: number) => boolean;
  /** Records not handled on the given partitions; throws when the brokers do not answer, which is no reason to die. */
  lagOf: (partitions: Assigned) => Promise<bigint>;
  onQuiet: (error: Error) => void;
  /** Milliseconds of a steady clock. */
  clock?: () => number;
};

/**
 * Ends a member whose client is quiet although the brokers answer: no heartbeat for `quietMs`, or a partition with something to do of which nothing
 * is delivered for `quietMs`, both of the client's own time. Counted per partition: one whose handler hangs must not hide that another is forgotten.
 * Without heartbeats the brokers are asked after a quarter of that time, again and again: brokers that were away and are just back do not make
 * a client quiet.
 */
export const createWatchdog = ({
  quietMs,
  inHand,
  paused,
  lagOf,
  onQuiet,
  clock = () => performance.now(),
}: Options) => {
  let assigned: Assigned = new Map();
  /** Time without a heartbeat. */
  let silent = 0;
  let looked = clock();
  let looking = false;
  let timer: NodeJS.Timeout | undefined;
  /** Quiet time by topic/partition. */
  const quiet = new Map<string, number>();
  const reset = () => {
    silent = 0;
    looked = clock();
    quiet.clear();
  };

  /** The partitions that were quiet too long. */
  const quietOnes = (elapsed: number): Map<string, number[]> => {
    const found = new Map<string, number[]>();
    for (const [topic, partitions] of assigned)
      for (const partition of partitions) {
        const lane = `${topic}/${partition}`;
        const ms = paused(topic, partition) ? 0 : (quiet.get(lane) ?? 0) + elapsed;
        quiet.set(lane, ms);
        if (ms > quietMs) found.set(topic, [...(found.get(topic) ?? []), partition]);
      }
    return found;
  };

  const look = async () => {
    if (looking) return;
    // While a batch is in hand its own heartbeats count, and their failure ends it.
    const elapsed = inHand() ? 0 : clock() - looked;
    looked = clock();
    silent += elapsed;
    const suspects = quietOnes(elapsed);
    const still = silent > quietMs / 4 && !inHand();
    if (!still && suspects.size === 0) return;
    looking = true;
    let lag: bigint;
    try {
      lag = await lagOf(still ? assigned : suspects);
    } catch {
      // The brokers do not answer: nothing can be said about the member, and a new process would not help.
      return reset();
    } finally {
      looking = false;
      // What the brokers took to answer is not the client's time.
      looked = clock();
    }
    if (still && silent > quietMs)
      onQuiet(new Error(`no heartbeat to the brokers for ${quietMs} ms although they answer`));
    // What was delivered or assigned anew while the brokers were asked is not quiet, and the answer is about all suspects together.
    else if (!still && lag > 0n && lanesOf(suspects).every((lane) => (quiet.get(lane) ?? 0) > quietMs))
      onQuiet(new Error(`${lag} events wait and none was delivered for ${quietMs} ms`));
    else if (lag === 0n) for (const lane of lanesOf(suspects)) quiet.delete(lane);
  };
  return {
    look,
    start: () => {
      timer ??= setInterval(() => void look(), Math.max(50, quietMs / 60));
      timer.unref();
    },
    stop: () => clearInterval(timer),
    joined: (partitions: Assigned) => {
      assigned = partitions;
      reset();
    },
    alive: () => {
      silent = 0;
    },
    /** Something of the partition was delivered. */
    progressed: (topic: string, partition: number) => void quiet.delete(`${topic}/${partition}`),
  };
};
