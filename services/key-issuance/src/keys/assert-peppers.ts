// A replica without the pepper of a working key would tell its holder that it is no key at all.
import { ConfigError } from '@meridian/kit/config/config.ts';
import type { Kysely } from 'kysely';
import type { Schema } from '../db/schema.ts';
import { countWorkingKeys, pepperVersions } from './key-secret.store.ts';

/** Throws ConfigError, with what to do, when working keys were made with a pepper that KEY_PEPPERS lacks. Dead keys need none. */
export const assertPeppers = async (db: Kysely<Schema>, known: readonly number[], now: Date): Promise<void> => {
  const mistakes: string[] = [];
  for (const version of await pepperVersions(db)) {
    const keys = known.includes(version) ? 0 : await countWorkingKeys(db, version, now);
    if (keys > 0)
      mistakes.push(
        `KEY_PEPPERS lacks version ${version}, with which ${keys} working key(s) were made: add it again, or first rotate or revoke those keys`,
      );
  }
  if (mistakes.length > 0) throw new ConfigError(mistakes);
};
