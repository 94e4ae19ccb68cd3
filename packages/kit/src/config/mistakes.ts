// A configuration is read in parts, of which some depend on others; whoever mends it wants to hear of everything at once.
import { ConfigError } from './config.ts';

export type Mistakes = {
  /** What `read` returns; undefined when it throws mistakes of the configuration, which are kept. Anything else it throws goes through. */
  readonly attempt: <T>(read: () => T) => T | undefined;
  /** Said below the list, once: what cannot be named yet. */
  readonly note: (text: string) => void;
  readonly any: () => boolean;
  readonly error: () => ConfigError;
};

/** The note of a service that needs more variables than it can name, as the region's profile is not known. */
export const regionDecides =
  'What else is needed depends on the region: it can be named once REGION (or REGION_PROFILE) is right.';

// By its code, not its class: what finds mistakes need not know this package.
const contentOf = (error: unknown) => {
  if (typeof error !== 'object' || error === null || !('code' in error) || error.code !== 'invalid_configuration')
    return undefined;
  const { mistakes, notes = [] } = error as { mistakes?: readonly string[]; notes?: readonly string[] };
  return mistakes && { mistakes, notes };
};

/** Mistakes begin with the variable they are about. */
const variableOf = (mistake: string) => /^[A-Z][A-Z0-9_]*(?![A-Za-z])/.exec(mistake)?.[0] ?? mistake;

export const createMistakes = (): Mistakes => {
  const kept: string[] = [];
  const notes = new Set<string>();
  return {
    attempt: (read) => {
      try {
        return read();
      } catch (error) {
        const found = contentOf(error);
        if (found === undefined) throw error;
        // What a later part says of a variable that is wrong already only follows from that.
        const known = new Set(kept.map(variableOf));
        kept.push(...found.mistakes.filter((mistake) => !known.has(variableOf(mistake))));
        for (const note of found.notes) notes.add(note);
        return undefined;
      }
    },
    note: (text) => void notes.add(text),
    any: () => kept.length > 0,
    error: () => new ConfigError(kept, [...notes]),
  };
};
