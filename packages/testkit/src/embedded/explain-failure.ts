// Turns whatever ended a start, or the database of a running copy, into one sentence for the person at the terminal.
import { statfsSync } from 'node:fs';
import { errorCause, errorCode, errorMessage } from '@meridian/kit/error-code.ts';
import { lastWords, saysDiskFull } from '../postgres/last-words.ts';
import { postgresErrorCodes } from '../postgres/postgres-error.ts';
import type { RunningPostgres } from '../postgres/start-postgres.ts';
import { StartError, startErrorCodes } from './start-error.ts';

/** Less than this and no program can do anything: a full disk may have swallowed the very line that says so. */
const nothingLeftBytes = 1_000_000;
// disk_full: https://www.postgresql.org/docs/18/errcodes-appendix.html
const diskFull = ['ENOSPC', 'EDQUOT', '53100'];
// invalid_password, and the same for a role that is not there.
const wrongPassword = ['28P01', '28000'];
const notOurs = ['EACCES', 'EPERM', 'EROFS'];
/** These are sentences already. PostgreSQL's quoted last words are left out: they may have been lost. */
const explained: readonly string[] = [...startErrorCodes, ...postgresErrorCodes].filter(
  (code) => code !== 'postgres_start_failed',
);

type Ground = { readonly dataDir: string; readonly postgres: RunningPostgres | undefined };

/** The error with its causes and, of several at once, each. */
const withCauses = (error: unknown): unknown[] => {
  if (typeof error !== 'object' || error === null) return [error];
  const several = 'errors' in error && Array.isArray(error.errors) ? error.errors : [];
  const cause = errorCause(error);
  return [error, ...(cause === undefined ? [] : withCauses(cause)), ...several.flatMap(withCauses)];
};

const nothingLeft = (folder: string): boolean => {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize < nothingLeftBytes;
  } catch {
    return false; // No folder, no disk to judge.
  }
};

const diskIsFull = ({ dataDir, postgres }: Ground) => saysDiskFull(postgres?.said() ?? '') || nothingLeft(dataDir);

const diskFullError = (dataDir: string, cause?: unknown) =>
  new StartError('disk_full', `The disk is full: make room on the disk of ${dataDir}, then start again.`, { cause });

const sentenceOf = (error: unknown) => errorMessage(error) || errorCode(error) || 'an error without a message';

/** The error to throw for a start that failed. */
export const explainFailure = (error: unknown, ground: Ground): Error => {
  const { dataDir } = ground;
  const all = withCauses(error);
  const withCode = (codes: readonly string[]) => all.find((one) => codes.includes(errorCode(one) ?? ''));
  if (explained.includes(errorCode(error) ?? '')) return error as Error;
  if (withCode(diskFull) || diskIsFull(ground)) return diskFullError(dataDir, error);
  if (errorCode(error) === 'postgres_start_failed') return error as Error;
  if (withCode(wrongPassword))
    return new StartError(
      'data_folder_broken',
      `The data folder ${dataDir} is broken (its secrets.json is not the one that its databases were made with): restore it, or delete all data with npm start -- --reset.`,
      { cause: error },
    );
  const taken = withCode(['EADDRINUSE']) as { port?: number } | undefined;
  if (taken)
    return new StartError('port_in_use', `Port ${taken.port} was taken by another program just now: start again.`, {
      cause: error,
    });
  const closed = withCode(notOurs) as NodeJS.ErrnoException | undefined;
  if (closed?.path?.startsWith(dataDir))
    return new StartError(
      'data_folder_not_writable',
      `${closed.path} cannot be read or written by this user (${closed.code}).`,
      { cause: error },
    );
  return new StartError('start_failed', `Meridian did not start: ${sentenceOf(error)}`, { cause: error });
};

/** Why PostgreSQL ended while the copy ran. */
export const explainDatabaseEnd = (dataDir: string, postgres: RunningPostgres): StartError => {
  if (diskIsFull({ dataDir, postgres })) return diskFullError(dataDir);
  const said = lastWords(postgres.said());
  return new StartError('start_failed', `PostgreSQL ended${said ? ` (${said})` : ''}; its log is ${postgres.logFile}.`);
};
