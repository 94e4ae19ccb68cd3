/**
 * - `data_folder_not_writable` the folder cannot be created or written
 * - `data_folder_in_use` another live process holds the folder
 * - `data_folder_broken` there is a cluster, but not a whole one
 * - `data_folder_version` the cluster belongs to another major version of PostgreSQL
 * - `disk_full` no space left
 * - `postgres_missing` npm carried no binaries for this platform
 * - `postgres_refused_user` PostgreSQL cannot run as this user here
 * - `postgres_start_failed` anything else; the message quotes PostgreSQL
 */
export const postgresErrorCodes = [
  'data_folder_not_writable',
  'data_folder_in_use',
  'data_folder_broken',
  'data_folder_version',
  'disk_full',
  'postgres_missing',
  'postgres_refused_user',
  'postgres_start_failed',
] as const;
export type PostgresErrorCode = (typeof postgresErrorCodes)[number];

/** What keeps the embedded PostgreSQL from running, said in one sentence. Branch on `code`. */
export class PostgresError extends Error {
  readonly code: PostgresErrorCode;

  constructor(code: PostgresErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PostgresError';
    this.code = code;
  }
}

/** The `code` of a Node system error, such as 'ENOENT'; undefined for anything else. Errors may come from another realm (jest). */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Turns a file system error met in the data folder into a PostgresError; other errors pass unchanged. */
export function folderError(error: unknown, folder: string): unknown {
  const code = systemCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new PostgresError('disk_full', `The disk is full: PostgreSQL cannot write its data folder ${folder}.`, {
      cause: error,
    });
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ENOTDIR' || code === 'EEXIST')
    return new PostgresError(
      'data_folder_not_writable',
      `The data folder ${folder} cannot be written by this user (${code}).`,
      {
        cause: error,
      },
    );
  return error;
}
