// Reading what a program of PostgreSQL said before it gave up.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const TAIL_BYTES = 64 * 1024;

/** The end of a log from `offset` on; '' when there is none. */
export function readTail(file: string, offset: number): string {
  try {
    const descriptor = openSync(file, 'r');
    try {
      const { size } = fstatSync(descriptor);
      const from = Math.max(Math.min(offset, size), size - TAIL_BYTES);
      const bytes = Buffer.alloc(size - from);
      readSync(descriptor, bytes, 0, bytes.length, from);
      return bytes.toString();
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return ''; // What it said is a courtesy; the failure itself is told anyway.
  }
}

export const saysDiskFull = (text: string): boolean => /No space left on device|Disk quota exceeded/.test(text);

/** The last line that tells of a failure, or ''. */
export function lastWords(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.findLast((line) => /FATAL|PANIC|error:/.test(line))?.trim() ?? '';
}
