import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { folderError, PostgresError } from './postgres-error.ts';

const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;

export type FolderLock = { release(): void };

/**
 * Holds a folder for this process until release or death. Node has no flock; SQLite's exclusive transaction is an fcntl lock, which
 * the kernel frees even after kill -9, so there is no stale lock to judge and no recycled process id to be fooled by.
 */
export function lockFolder(folder: string): FolderLock {
  const file = join(folder, 'lock');
  const holderFile = join(folder, 'lock.holder');
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { timeout: 0 });
    database.exec('BEGIN EXCLUSIVE');
    writeFileSync(holderFile, `${process.pid}\n`);
  } catch (error) {
    database?.close();
    const number = typeof error === 'object' && error !== null && 'errcode' in error ? error.errcode : undefined;
    if (number === SQLITE_BUSY)
      throw new PostgresError(
        'data_folder_in_use',
        `The data folder ${folder} is in use by another running Meridian${holder(holderFile)}.`,
      );
    if (number === SQLITE_FULL)
      throw new PostgresError('disk_full', `The disk is full: the data folder ${folder} cannot be locked.`);
    if (number !== undefined)
      throw new PostgresError('data_folder_not_writable', `The data folder ${folder} cannot be locked by this user.`, {
        cause: error,
      });
    throw folderError(error, folder);
  }
  const held = database;
  return { release: () => held.close() };
}

function holder(file: string): string {
  try {
    const pid = readFileSync(file, 'utf8').trim();
    return pid === '' ? '' : ` (process ${pid})`;
  } catch {
    return ''; // The number is a courtesy; the lock itself is what counts.
  }
}
