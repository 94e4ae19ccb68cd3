// A literal scan: at every position the patterns that begin with the same two units are compared. Right for lists of some thousand words.
import { type Folded, foldNow } from './fold.ts';
import type { Found, Matcher, Pattern } from './matcher.ts';

/** Units scanned between two turns of the event loop. */
const sliceUnits = 65_536;
/** Comparisons after which the event loop turns too: many patterns may begin alike. */
const sliceComparisons = 200_000;

// Letters and digits of scripts that are written with blanks between words. Chinese, Japanese and Thai are not: there a word may touch anything.
const wordUnit = /[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{Nd}_]/u;
const isWordUnit = (unit: number | undefined) =>
  unit !== undefined &&
  ((unit >= 0x61 && unit <= 0x7a) ||
    (unit >= 0x30 && unit <= 0x39) ||
    unit === 0x5f ||
    (unit >= 0x80 && !(unit >= 0x3000 && unit <= 0xd7ff) && wordUnit.test(String.fromCharCode(unit))));

type Entry = { readonly index: number; readonly units: Uint16Array; readonly before: boolean; readonly after: boolean };

const entryOf = ({ pattern, boundary }: Pattern, index: number): Entry => {
  const folded = foldNow(pattern);
  const units = folded.units.slice(0, folded.length);
  if (units.length === 0) throw new Error(`pattern ${index} is empty after folding`);
  const word = boundary === 'word';
  return { index, units, before: word && isWordUnit(units[0]), after: word && isWordUnit(units.at(-1)) };
};

const matchesAt = ({ units, before, after }: Entry, text: Folded, at: number): boolean => {
  const end = at + units.length;
  if (end > text.length) return false;
  for (let i = 1; i < units.length; i += 1) if (units[i] !== text.units[at + i]) return false;
  if (before && at > 0 && isWordUnit(text.units[at - 1])) return false;
  return !(after && end < text.length && isWordUnit(text.units[end]));
};

const firstTwo = (a: number, b: number) => a * 65_536 + b;

export const createLiteralMatcher = (patterns: readonly Pattern[]): Matcher => {
  const singles = new Map<number, Entry[]>();
  const byStart = new Map<number, Entry[]>();
  for (const entry of patterns.map(entryOf)) {
    const [a = 0, b] = entry.units;
    const [map, key] = b === undefined ? [singles, a] : [byStart, firstTwo(a, b)];
    const bucket = map.get(key);
    if (bucket) bucket.push(entry);
    else map.set(key, [entry]);
  }
  return {
    scan: async (text, limits, pause) => {
      const found: Found[] = [];
      const times = new Map<number, number>();
      const note = (entry: Entry, at: number) => {
        const before = times.get(entry.index) ?? 0;
        if (before >= limits.perPattern || found.length >= limits.total || !matchesAt(entry, text, at)) return;
        times.set(entry.index, before + 1);
        found.push({ pattern: entry.index, start: at, end: at + entry.units.length });
      };
      let comparisons = 0;
      for (let at = 0; at < text.length && found.length < limits.total; at += 1) {
        if (at % sliceUnits === sliceUnits - 1 || comparisons > sliceComparisons) {
          comparisons = 0;
          await pause();
        }
        const unit = text.units[at] ?? 0;
        const next = at + 1 < text.length ? byStart.get(firstTwo(unit, text.units[at + 1] ?? 0)) : undefined;
        for (const bucket of [next, singles.get(unit)]) {
          if (!bucket) continue;
          comparisons += bucket.length;
          for (const entry of bucket) note(entry, at);
        }
      }
      return found;
    },
  };
};
