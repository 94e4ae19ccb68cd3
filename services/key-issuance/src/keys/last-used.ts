// When keys were last used: gathered in memory, written in batches. A sample for people, not an account: a crash loses the last of it.

export type LastUsed = {
  readonly note: (keyId: string, at: Date) => void;
  /** Writes what was gathered, in the order of key ids. What could not be written is kept for the next time. */
  readonly flush: () => Promise<void>;
};

export type Uses = readonly (readonly [keyId: string, at: Date])[];

export type LastUsedOptions = {
  readonly write: (uses: Uses) => Promise<void>;
  /** Keys of one `write`: few enough that nobody waits long for their rows. */
  readonly batch?: number;
  /** Keys remembered between two flushes; uses of further ones are not noted. */
  readonly max?: number;
};

export const createLastUsed = ({ write, batch = 1_000, max = 10_000 }: LastUsedOptions): LastUsed => {
  let gathered = new Map<string, Date>();
  const note: LastUsed['note'] = (keyId, at) => {
    const known = gathered.get(keyId);
    if (known === undefined ? gathered.size < max : known < at) gathered.set(keyId, at);
  };
  return {
    note,
    flush: async () => {
      const uses = [...gathered].sort(([a], [b]) => (a < b ? -1 : 1));
      gathered = new Map();
      while (uses.length > 0) {
        try {
          await write(uses.slice(0, batch));
        } catch (error) {
          for (const [keyId, at] of uses) note(keyId, at);
          throw error;
        }
        uses.splice(0, batch);
      }
    },
  };
};
