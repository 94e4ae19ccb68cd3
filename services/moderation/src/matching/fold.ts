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
const mostMarks = 16;

// Zero-width characters, soft hyphen, word joiner, byte order mark, variation selectors: they hide words and mean nothing here.
const isInvisible = (unit: number) =>
  unit === 0xad ||
  (unit >= 0x200b && unit <= 0x200f) ||
  unit === 0x2060 ||
  unit === 0xfeff ||
  (unit >= 0xfe00 && unit <= 0xfe0f);

// What composes with the character before it: marks, Hangul vowels and finals, half-width voiced sound marks.
const joins = (unit: number) =>
  (unit >= 0x1160 && unit <= 0x11ff) || unit === 0xff9e || unit === 0xff9f || /\p{M}/u.test(String.fromCharCode(unit));

const slow = 0xffff;

/** For every unit: what it folds to by itself, or `slow` where that takes a closer look. Constant, built once (some 20 ms). */
const buildTable = () => {
  const alone = new Uint16Array(65_536).fill(slow);
  const joining = new Uint8Array(65_536);
  for (let unit = 0; unit < 65_536; unit += 1) {
    if (unit >= 0xd800 && unit <= 0xdfff) continue;
    if (joins(unit)) joining[unit] = 1;
    else if (!isInvisible(unit)) {
      const folded = String.fromCharCode(unit).normalize('NFKC').toLowerCase();
      if (folded.length === 1) alone[unit] = folded.charCodeAt(0);
    }
  }
  return { alone, joining };
};
const { alone, joining } = buildTable();

type Growing = { units: Uint16Array; offsets: Uint32Array; length: number };

const grow = (out: Growing) => {
  const units = new Uint16Array(out.units.length * 2);
  const offsets = new Uint32Array(out.units.length * 2);
  units.set(out.units);
  offsets.set(out.offsets);
  out.units = units;
  out.offsets = offsets;
};

// A character with what composes with it (at most 16), so that composed and decomposed forms fold alike.
const clusterEnd = (text: string, at: number): number => {
  let end = at + ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);
  for (let marks = 0; marks < mostMarks && end < text.length && joining[text.charCodeAt(end)] === 1; marks += 1)
    end += 1;
  return end;
};

const append = (out: Growing, unit: number, offset: number) => {
  out.units[out.length] = unit;
  out.offsets[out.length] = offset;
  out.length += 1;
};

/** Folds from `from` until `until` at least; answers where it stopped. */
const foldSlice = (text: string, from: number, until: number, out: Growing): number => {
  let at = from;
  while (at < until) {
    if (out.length + room > out.units.length) grow(out);
    const folded = alone[text.charCodeAt(at)] ?? slow;
    if (folded !== slow && (at + 1 >= text.length || joining[text.charCodeAt(at + 1)] === 0)) {
      append(out, folded, at);
      at += 1;
      continue;
    }
    const end = clusterEnd(text, at);
    const cluster = text.slice(at, end).normalize('NFKC').toLowerCase();
    for (let i = 0; i < cluster.length && i < room; i += 1)
      if (!isInvisible(cluster.charCodeAt(i))) append(out, cluster.charCodeAt(i), at);
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
