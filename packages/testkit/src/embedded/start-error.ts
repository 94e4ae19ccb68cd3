/**
 * - `port_in_use` another program listens on one of the copy's ports
 * - `data_folder_broken` the data folder holds secrets and databases that do not fit each other, or only one of the two
 * - `data_folder_not_writable` the data folder cannot be read or written
 * - `disk_full` no space left
 * - `invalid_setting` a variable that a person sets is wrong
 * - `start_failed` anything else: a mistake of ours, whose `cause` shows where
 */
export const startErrorCodes = [
  'port_in_use',
  'data_folder_broken',
  'data_folder_not_writable',
  'disk_full',
  'invalid_setting',
  'start_failed',
] as const;
export type StartErrorCode = (typeof startErrorCodes)[number];

/** What keeps a copy from running, said in one sentence. Branch on `code`. */
export class StartError extends Error {
  readonly code: StartErrorCode;

  constructor(code: StartErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StartError';
    this.code = code;
  }
}
