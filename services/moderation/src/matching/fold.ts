// Folds text for matching: compatibility forms and width (NFKC), case, and invisible characters. Keeps for every folded unit where it came
// from, so that offsets always speak of the original text.
import type { Pace } from './pace.ts';

export type Folded = {
  /** UTF-16 units of the folded text; only the first `length` count. */
  readonly units: Uint16Array;
  /** Offset in the original text of each folded unit. */
  readonly offsets: Uint32Array;
  readonly length: number;
};

/** Units read or written at a time; what one unit unfolds to must not make a slice longer. */
const sliceUnits = 32_768;
// Steps besides one per unit written: a closer look (normalising a character with its marks), and each unit more than was read, so that a text
// which unfolds to many times its size is given up before it takes the memory.
const closerLookSteps = 8;
const unfoldedSteps = 4;
// One character may fold to 18 (U+FDFA); room for it is kept at every step.
const room = 64;
const mostMarks = 16;

// Zero-width characters, fillers, directions, tags, variation selectors: they hide words and mean nothing here. Looked for before anything is
// normalised, which would make other characters of some.
const invisible = /\p{Default_Ignorable_Code_Point}/gu;
const visible = (text: string) => text.replace(invisible, '');

// What composes with the character before it (marks, Hangul vowels and finals, half-width voiced sound marks), or stands invisibly between.
const joins = (unit: number) =>
  (unit >= 0x1160 && unit <= 0x11ff) ||
  unit === 0xff9e ||
  unit === 0xff9f ||
  /[\p{M}\p{Default_Ignorable_Code_Point}]/u.test(String.fromCharCode(unit));

// First halves of tags and variation selectors beyond the first plane: all of U+E0000 to U+E0FFF is invisible.
const beginsInvisible = (unit: number) => unit >= 0xdb40 && unit <= 0xdb43;

const folding = (text: string) => visible(text).normalize('NFKC').toLowerCase();
const unitsOf = (text: string) => Uint16Array.from([...Array(text.length).keys()], (i) => text.charCodeAt(i));

const slow = 0xffff;

/**
 * For every unit: what it folds to by itself, `unfolded` where that is none or several units, or `slow` where it takes a closer look.
 * Constant, built once (some 20 ms).
 */
const buildTable = () => {
  const alone = new Uint16Array(65_536).fill(slow);
  const joining = new Uint8Array(65_536);
  const unfolded = new Map<number, Uint16Array>();
  for (let unit = 0; unit < 65_536; unit += 1) {
    if (beginsInvisible(unit)) joining[unit] = 1;
    if (unit >= 0xd800 && unit <= 0xdfff) continue;
    if (joins(unit)) joining[unit] = 1;
    else {
      const folded = unitsOf(folding(String.fromCharCode(unit)));
      if (folded.length === 1) alone[unit] = folded[0] ?? slow;
      else unfolded.set(unit, folded);
    }
  }
  return { alone, joining, unfolded };
};

const { alone, joining, unfolded } = buildTable();

type Growing = { units: Uint16Array; offsets: Uint32Array; length: number };

const grow = (out: Growing) => {
  const units = new Uint16Array(out.units.length * 2);
  const offsets = new Uint32Array(out.units.length * 2);
  units.set(out.units);
  offsets.set(out.offsets);
  out.units = units;
  out.offsets = offsets;
};

const after = (text: string, at: number): number => at + ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);

// A character with what composes with it (at most 16), so that composed and decomposed forms fold alike.
const clusterEnd = (text: string, at: number): number => {
  let end = after(text, at);
  for (let marks = 0; marks < mostMarks && end < text.length && joining[text.charCodeAt(end)] === 1; marks += 1)
    end = after(text, end);
  return end;
};

const append = (out: Growing, unit: number, offset: number) => {
  out.units[out.length] = unit;
  out.offsets[out.length] = offset;
  out.length += 1;
};

/** Folds from `from` on, until `until` at the latest; answers where it stopped and how many closer looks it took. */
const foldSlice = (text: string, from: number, until: number, out: Growing): { at: number; looks: number } => {
  const full = out.length + sliceUnits;
  let at = from;
  let looks = 0;
  while (at < until && out.length < full) {
    if (out.length + room > out.units.length) grow(out);
    const unit = text.charCodeAt(at);
    if (at + 1 >= text.length || joining[text.charCodeAt(at + 1)] === 0) {
      const folded = alone[unit] ?? slow;
      const several = folded === slow ? unfolded.get(unit) : undefined;
      if (folded !== slow) append(out, folded, at);
      for (const one of several ?? []) append(out, one, at);
      if (folded !== slow || several !== undefined) {
        at += 1;
        continue;
      }
    }
    looks += 1;
    const end = clusterEnd(text, at);
    const cluster = folding(text.slice(at, end));
    for (let i = 0; i < cluster.length && i < room; i += 1) append(out, cluster.charCodeAt(i), at);
    at = end;
  }
  return { at, looks };
};

const start = (text: string): Growing => {
  const capacity = Math.max(room * 2, text.length + room);
  return { units: new Uint16Array(capacity), offsets: new Uint32Array(capacity), length: 0 };
};

/** Folds a short text, such as a pattern, at once. */
export const foldNow = (text: string): Folded => {
  const out = start(text);
  for (let at = 0; at < text.length; ) at = foldSlice(text, at, text.length, out).at;
  return out;
};

/** Folds a text of any size at the pace of its match. */
export const fold = async (text: string, pace: Pace): Promise<Folded> => {
  const out = start(text);
  for (let at = 0; at < text.length; ) {
    const before = out.length;
    const slice = foldSlice(text, at, Math.min(text.length, at + sliceUnits), out);
    const [read, written] = [slice.at - at, out.length - before];
    at = slice.at;
    await pace(Math.max(read, written) + unfoldedSteps * Math.max(0, written - read) + closerLookSteps * slice.looks);
  }
  return out;
};
