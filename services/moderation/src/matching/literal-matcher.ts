// A literal scan: from every position down a trie of all patterns. Right for lists of some thousand words; an automaton would save the
// second look at a position.
import { type Folded, foldNow } from './fold.ts';
import type { Found, Matcher, Pattern } from './matcher.ts';

/** Steps (units looked at, the second look at one included) counted together. */
const sliceSteps = 16_384;

// Letters and digits of scripts that are written with blanks between words. Chinese, Japanese and Thai are not: there a word may touch anything.
const wordUnit = /[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{Nd}_]/u;
const isWordUnit = (unit: number | undefined) => unit !== undefined && wordUnit.test(String.fromCharCode(unit));

type Entry = { readonly index: number; readonly before: boolean; readonly after: boolean };
type Node = { readonly next: Map<number, Node>; readonly entries: Entry[] };

const newNode = (): Node => ({ next: new Map(), entries: [] });

const insert = (root: Node, { pattern, boundary }: Pattern, index: number) => {
  const { units, length } = foldNow(pattern);
  if (length === 0) throw new Error(`pattern ${index} is empty after folding`);
  let node = root;
  for (let i = 0; i < length; i += 1) {
    const unit = units[i] as number;
    const child: Node = node.next.get(unit) ?? newNode();
    node.next.set(unit, child);
    node = child;
  }
  const word = boundary === 'word';
  node.entries.push({ index, before: word && isWordUnit(units[0]), after: word && isWordUnit(units[length - 1]) });
};

const stands = ({ before, after }: Entry, text: Folded, start: number, end: number): boolean =>
  !(before && start > 0 && isWordUnit(text.units[start - 1])) &&
  !(after && end < text.length && isWordUnit(text.units[end]));

export const createLiteralMatcher = (patterns: readonly Pattern[]): Matcher => {
  const root = newNode();
  patterns.forEach((pattern, index) => {
    insert(root, pattern, index);
  });
  // Most positions begin no pattern: an array look-up settles them.
  const begins = new Uint8Array(65_536);
  for (const unit of root.next.keys()) begins[unit] = 1;
  return {
    scan: async (text, limits, pace) => {
      const found: Found[] = [];
      const times = new Map<number, number>();
      const note = (entry: Entry, start: number, end: number) => {
        const before = times.get(entry.index) ?? 0;
        if (before >= limits.perPattern || found.length >= limits.total || !stands(entry, text, start, end)) return;
        times.set(entry.index, before + 1);
        found.push({ pattern: entry.index, start, end });
      };
      let steps = 0;
      for (let start = 0; start < text.length && found.length < limits.total; start += 1) {
        steps += 1;
        if (steps >= sliceSteps) {
          await pace(steps);
          steps = 0;
        }
        if (begins[text.units[start] as number] === 0) continue;
        let node = root.next.get(text.units[start] as number);
        for (let end = start + 1; node; end += 1) {
          steps += 1;
          for (const entry of node.entries) note(entry, start, end);
          node = end < text.length ? node.next.get(text.units[end] as number) : undefined;
        }
      }
      await pace(steps);
      return found;
    },
  };
};
