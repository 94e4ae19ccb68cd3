import { describe, expect, test } from '@jest/globals';
import { PostgresError } from '../postgres/postgres-error.ts';
import type { RunningPostgres } from '../postgres/start-postgres.ts';
import { explainDatabaseEnd, explainFailure } from './explain-failure.ts';

const dataDir = '/nowhere/data';
const failed = (error: unknown, said = '') =>
  explainFailure(error, { dataDir, postgres: { said: () => said } as RunningPostgres });
const withCode = (code: string, more: object = {}) => Object.assign(new Error(`raw ${code}`), { code, ...more });
const noSpace = 'PANIC:  could not write to file "pg_wal/xlogtemp.7": No space left on device\n';

describe('a start that failed', () => {
  test.each([
    ['writing a file', withCode('ENOSPC')],
    ['writing a file over quota', withCode('EDQUOT')],
    ['a statement', withCode('53100')],
    ['below an error that wraps it', new Error('migration failed', { cause: withCode('53100') })],
    ['as one of several', new AggregateError([new Error('other'), withCode('53100')])],
  ])('for want of room while %s is a full disk', (_, error) => {
    expect(failed(error)).toMatchObject({ code: 'disk_full', message: expect.stringContaining(dataDir), cause: error });
  });

  test('while PostgreSQL says that there is no room is a full disk, whatever its connections make of it', () => {
    expect(failed(new Error('Connection terminated unexpectedly'), noSpace)).toMatchObject({ code: 'disk_full' });
    const lost = new PostgresError('postgres_start_failed', 'PostgreSQL did not start');
    expect(failed(lost, noSpace)).toMatchObject({ code: 'disk_full' });
    expect(failed(lost)).toBe(lost);
  });

  test('with the wrong password has the secrets of another folder', () => {
    expect(failed(withCode('28P01'))).toMatchObject({
      code: 'data_folder_broken',
      message: expect.stringContaining('secrets.json'),
    });
  });

  test('names a port that was taken meanwhile, and a file that cannot be read', () => {
    expect(failed(withCode('EADDRINUSE', { port: 4021 }))).toMatchObject({
      code: 'port_in_use',
      message: expect.stringContaining('4021'),
    });
    expect(failed(withCode('EACCES', { path: `${dataDir}/secrets.json` }))).toMatchObject({
      code: 'data_folder_not_writable',
      message: expect.stringContaining('secrets.json'),
    });
  });

  test('for a reason that is told already passes', () => {
    const told = new PostgresError('data_folder_in_use', 'The data folder is in use.');
    expect(failed(told)).toBe(told);
  });

  test('for any other reason keeps it as its cause', () => {
    const error = new TypeError('x is not a function');
    expect(failed(error)).toMatchObject({
      code: 'start_failed',
      message: expect.stringContaining('x is'),
      cause: error,
    });
  });
});

test('a PostgreSQL that ended is quoted, and its log is named', () => {
  const ended = (said: string) =>
    explainDatabaseEnd(dataDir, { said: () => said, logFile: '/nowhere/pg.log' } as RunningPostgres).message;
  expect(ended('LOG:  fine\nPANIC:  it broke\nLOG:  over\n')).toBe(
    'PostgreSQL ended (PANIC:  it broke); its log is /nowhere/pg.log.',
  );
  expect(ended('')).toBe('PostgreSQL ended; its log is /nowhere/pg.log.');
  expect(ended(noSpace)).toContain('The disk is full');
});
