/**
 * Bytes that moderation is asked about at a time, bounded for this gateway and for each address: without a bound, callers could keep moderation
 * so busy that it seems down, and what it does not see would pass.
 */
export type MatchRoom = {
  /** Answers how to give the room back; undefined when there is not enough. */
  readonly take: (address: string, bytes: number) => (() => void) | undefined;
};

const mebi = 1_024 * 1_024;

/** The defaults let eight of the largest calls match at a time, three of them from one address; ordinary calls match in milliseconds. */
export const createMatchRoom = ({ all = 36 * mebi, perAddress = 14 * mebi } = {}): MatchRoom => {
  const taken = new Map<string, number>();
  let total = 0;
  return {
    take: (address, bytes) => {
      const own = taken.get(address) ?? 0;
      if (own + bytes > perAddress || total + bytes > all) return undefined;
      taken.set(address, own + bytes);
      total += bytes;
      return () => {
        const rest = (taken.get(address) ?? 0) - bytes;
        if (rest > 0) taken.set(address, rest);
        else taken.delete(address);
        total -= bytes;
      };
    },
  };
};
