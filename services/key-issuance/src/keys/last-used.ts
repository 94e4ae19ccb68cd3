// When keys were last used: gathered in memory, written in batches. A sample for people, not an account: a crash loses the last minute.

export type LastUsed = {
  readonly note: (keyId: string, at: Date) => void;
  /** Takes what was gathered. */
  readonly take: () => ReadonlyMap<string, Date>;
};

/** Remembers at most `max` keys between two takes. */
export const createLastUsed = (max = 10_000): LastUsed => {
  let gathered = new Map<string, Date>();
  return {
    note: (keyId, at) => {
      if (gathered.size < max || gathered.has(keyId)) gathered.set(keyId, at);
    },
    take: () => {
      const taken = gathered;
      gathered = new Map();
      return taken;
    },
  };
};
