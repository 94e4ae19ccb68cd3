// The interface of a matcher, so that the thin literal scan can give way to an automaton without its callers noticing.
import type { Folded } from './fold.ts';
import type { Pace } from './pace.ts';

/** word: no letter or digit of an alphabet may touch it; any: found anywhere, as is right for text written without blanks. */
export type Boundary = 'word' | 'any';

export type Pattern = { readonly pattern: string; readonly boundary: Boundary };

/** `pattern` is the index in the list the matcher was made of; `start` and `end` are folded units. */
export type Found = { readonly pattern: number; readonly start: number; readonly end: number };

/** `perPattern` keeps one word said very often from hiding the others; `total` bounds memory. */
export type ScanLimits = { readonly perPattern: number; readonly total: number };

export type Matcher = {
  /** Occurrences in order of their start, within the limits, at the pace of the match. */
  readonly scan: (text: Folded, limits: ScanLimits, pace: Pace) => Promise<Found[]>;
};
