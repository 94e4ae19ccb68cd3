// kafkajs consumers have been reported to go quiet without an error (tulios/kafkajs#659, #558, #1593). The only cure is a new process.

type Options = {
  quietMs: number;
  /** A record is in hand, or waits for its next try: then it is not kafkajs that is quiet. */
  busy: () => boolean;
  /** Records not handled on the assigned partitions; throws when the brokers do not answer, which is no reason to die. */
  lagOf: (partitions: ReadonlyMap<string, readonly number[]>) => Promise<bigint>;
  onQuiet: (error: Error) => void;
};

/** Calls `onQuiet` when the brokers answer but the member neither beats, or has something to do and does nothing, for `quietMs`. */
export const createWatchdog = ({ quietMs, busy, lagOf, onQuiet }: Options) => {
  let assigned: ReadonlyMap<string, readonly number[]> = new Map();
  let beat = performance.now();
  let progress = performance.now();
  let looking = false;
  let timer: NodeJS.Timeout | undefined;
  const quietSince = (since: number) => performance.now() - since > quietMs;

  const look = async () => {
    if (looking || busy()) {
      progress = performance.now();
      return;
    }
    if (!quietSince(beat) && !quietSince(progress)) return;
    looking = true;
    try {
      const lag = await lagOf(assigned);
      if (quietSince(beat)) onQuiet(new Error(`no heartbeat to the brokers for ${quietMs} ms although they answer`));
      else if (lag === 0n) progress = performance.now();
      else if (quietSince(progress) && !busy())
        onQuiet(new Error(`${lag} events wait and none was delivered for ${quietMs} ms`));
    } catch {
      // The brokers do not answer: nothing can be said about the member, and a new process would not help.
      beat = performance.now();
      progress = performance.now();
    } finally {
      looking = false;
    }
  };
  return {
    start: () => {
      timer ??= setInterval(() => void look(), Math.max(50, quietMs / 6));
      timer.unref();
    },
    stop: () => clearInterval(timer),
    joined: (partitions: ReadonlyMap<string, readonly number[]>) => {
      assigned = partitions;
      beat = performance.now();
      progress = performance.now();
    },
    alive: () => {
      beat = performance.now();
    },
    progressed: () => {
      progress = performance.now();
    },
  };
};
