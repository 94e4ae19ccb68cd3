// A map that can outlive its process: every change is a line of a file. The line is handed to the system before the change is answered,
// so that a killed sandbox forgets nothing; a machine that loses power may.
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Book<T> = {
  readonly get: (key: string) => T | undefined;
  /** Oldest first. */
  readonly entries: () => [string, T][];
  readonly values: () => T[];
  /** To be called again after a change within the value. Values are plain JSON. */
  readonly set: (key: string, value: T) => void;
};

type Options<T> = {
  /** Without it the book is kept in memory alone. */
  readonly folder: string | undefined;
  readonly name: string;
  /** How many are kept; the oldest go first. */
  readonly limit: number;
  /** Whether a value may be forgotten when there are more; each may, unless told. */
  readonly forgettable?: (value: T) => boolean;
};

/** A key with its value, or alone: forgotten. */
type Line<T> = readonly [key: string, value?: T];
const textOf = <T>(line: Line<T>) => `${JSON.stringify(line)}\n`;

const readBook = <T>(file: string): Map<string, T> => {
  const map = new Map<string, T>();
  if (!existsSync(file)) return map;
  // What follows the last line break was cut off while it was written, so it was not answered either.
  for (const text of readFileSync(file, 'utf8').split('\n').slice(0, -1)) {
    let line: Line<T>;
    try {
      line = JSON.parse(text);
    } catch (cause) {
      throw new Error(`${file} is damaged: restore it, or delete it and with it what the sandbox knows of payments`, {
        cause,
      });
    }
    const [key, value] = line;
    if (value === undefined) map.delete(key);
    else map.set(key, value);
  }
  return map;
};

/** Lines that a file may have beyond four per value before it is written anew. */
const spareLines = 1_000;

const openFile = <T>(folder: string, name: string) => {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, `${name}.jsonl`);
  const map = readBook<T>(file);
  let [lines, bytes] = [0, 0];
  const rewrite = () => {
    const text = [...map].map(textOf).join('');
    writeFileSync(`${file}.new`, text, { mode: 0o600 });
    renameSync(`${file}.new`, file);
    [lines, bytes] = [map.size, Buffer.byteLength(text)];
  };
  rewrite();
  const append = (line: Line<T>) => {
    if (lines > 4 * map.size + spareLines) rewrite();
    const text = textOf(line);
    try {
      appendFileSync(file, text);
    } catch (error) {
      truncateSync(file, bytes); // Half a line would spoil the next one.
      throw error;
    }
    lines += 1;
    bytes += Buffer.byteLength(text);
  };
  return { map, append };
};

/** Opens a book, with what an earlier process left in it. */
export const openBook = <T>({ folder, name, limit, forgettable = () => true }: Options<T>): Book<T> => {
  const { map, append } = folder ? openFile<T>(folder, name) : { map: new Map<string, T>(), append: () => undefined };
  const forget = () => {
    for (const [key, value] of map) {
      if (map.size <= limit) return;
      if (!forgettable(value)) continue;
      map.delete(key);
      append([key]);
    }
  };
  return {
    get: (key) => map.get(key),
    entries: () => [...map],
    values: () => [...map.values()],
    set: (key, value) => {
      append([key, value]);
      map.set(key, value);
      forget();
    },
  };
};
