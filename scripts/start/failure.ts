// What a person is told of a start that failed: one sentence. Where a mistake of ours is behind it, the stack goes to a log that is named.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { errorCode, errorMessage } from '@meridian/kit/error-code.ts';
import { startErrorCodes } from '@meridian/testkit/embedded/start-error.ts';
import { postgresErrorCodes } from '@meridian/testkit/postgres/postgres-error.ts';

/** Errors with these codes are sentences for the person. */
const explained: readonly string[] = [...postgresErrorCodes, ...startErrorCodes];

/** Keeps the error with its stack and causes beside the data; false where that cannot be written. */
const note = (file: string, error: unknown): boolean => {
  try {
    writeFileSync(file, `${new Date().toISOString()} ${inspect(error, { depth: 6 })}\n`, { flag: 'a', mode: 0o600 });
    return true;
  } catch {
    return false; // No folder or no room: the sentence has to do.
  }
};

export const failureSentence = (error: unknown, dataDir: string): string => {
  const code = errorCode(error) ?? '';
  const message = errorMessage(error)
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ');
  const sentence = explained.includes(code) ? message : `Meridian failed: ${message}`;
  if (explained.includes(code) && code !== 'start_failed') return sentence;
  const log = join(dataDir, 'start.log');
  return note(log, error) ? `${sentence.replace(/\.$/, '')}; its log is ${log}.` : sentence;
};

// The server ends its connections: https://www.postgresql.org/docs/18/errcodes-appendix.html
const serverGoes = (error: unknown) =>
  ['57P01', '57P02', '57P03'].includes(errorCode(error) ?? '') ||
  // What the client makes of a server that dies; it gives no code.
  errorMessage(error) === 'Connection terminated unexpectedly';

/**
 * Ends the process with one sentence when an error reached nobody. An idle connection that its server ends is no such error:
 * why the server ended is told by those who start it and watch it.
 */
export const endOnUncaught = (dataDir: string, refuse: (sentence: string) => void): void => {
  process.on('uncaughtException', (error) => {
    if (!serverGoes(error)) refuse(failureSentence(error, dataDir));
  });
};
