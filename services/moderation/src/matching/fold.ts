// Folds text for matching: compatibility forms and width (NFKC), case, and invisible characters. Keeps for every folded unit where it came
// from, so that offsets always speak of the original text.

export type Folded = {
  /** UTF-16 units of the folded text; only the first `length` count. */
  readonly units: Uint16Array;
  /** Offset in the original text of each folded unit. */
  readonly offsets: Uint32Array;
  readonly length: number;
};

/** Original units folded between two turns of the event loop. */
const sliceUnits = 32_768;
// One character may fold to 18 (U+FDFA); room for it is kept at every step.
const room = 64;

// Zero-width characters, soft hyphen, word joiner, byte order mark, variation selectors: they hide words and mean nothing here.
const isInvisible = (unit: number) =>
  unit === 0xad ||
  (unit >= 0x200b && unit <= 0x200f) ||
  unit === 0x2060 ||
  unit === 0xfeff ||
  (unit >= 0xfe00 && unit <= 0xfe0f);
// Latin-1 below 0x80 and CJK ideographs fold without a look at their neighbours, unless a combining mark follows.
const isPlain = (unit: number) => unit < 0x80 || (unit >= 0x4e00 && unit <= 0x9fff);
const isMark = (character: string) => /\p{M}/u.test(character);

type Growing = { units: Uint16Array; offsets: Uint32Array; length: number };

const grow = (out: Growing) => {
  const units = new Uint16Array(out.units.length * 2);
  const offsets = new Uint32Array(out.units.length * 2);
  units.set(out.units);
  offsets.set(out.offsets);
  out.units = units;
  out.offsets = offsets;
};

// A character with the combining marks that follow it (at most 16), so that composed and decomposed forms fold alike.
const clusterEnd = (text: string, at: number): number => {
  let end = at + ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);
  for (let marks = 0; marks < 16 && end < text.length; marks += 1) {
    const character = String.fromCodePoint(text.codePointAt(end) ?? 0);
    if (isPlain(character.charCodeAt(0)) || !isMark(character)) break;
    end += character.length;
  }
  return end;
};

/** Folds from `at` until `until` at least; answers where it stopped. */
const foldSlice = (text: string, from: number, until: number, out: Growing): number => {
  let at = from;
  while (at < until) {
    if (out.length + room > out.units.length) grow(out);
    const unit = text.charCodeAt(at);
    if (isPlain(unit) && (at + 1 >= text.length || isPlain(text.charCodeAt(at + 1)))) {
      out.units[out.length] = unit >= 0x41 && unit <= 0x5a ? unit + 32 : unit;
      out.offsets[out.length] = at;
      out.length += 1;
      at += 1;
      continue;
    }
    const end = clusterEnd(text, at);
    const folded = text.slice(at, end).normalize('NFKC').toLowerCase();
    for (let i = 0; i < folded.length && i < room; i += 1) {
      const one = folded.charCodeAt(i);
      if (isInvisible(one)) continue;
      out.units[out.length] = one;
      out.offsets[out.length] = at;
      out.length += 1;
    }
    at = end;
  }
  return at;
};

const start = (text: string): Growing => {
  const capacity = Math.max(room * 2, text.length + room);
  return { units: new Uint16Array(capacity), offsets: new Uint32Array(capacity), length: 0 };
};

/** Folds a short text, such as a pattern, at once. */
export const foldNow = (text: string): Folded => {
  const out = start(text);
  foldSlice(text, 0, text.length, out);
  return out;
};

/** Folds a text of any size, letting the event loop turn after every slice. */
export const fold = async (text: string, pause: () => Promise<void>): Promise<Folded> => {
  const out = start(text);
  for (let at = 0; at < text.length; ) {
    at = foldSlice(text, at, Math.min(text.length, at + sliceUnits), out);
    if (at < text.length) await pause();
  }
  return out;
};
