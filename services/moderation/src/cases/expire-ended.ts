import { accountCancelled } from '@meridian/contracts/common.ts';
import type { Database } from '@meridian/kit/db/database.ts';
import { errorCode } from '@meridian/kit/error-code.ts';
import type { Logger } from '@meridian/kit/telemetry/log.ts';
import type { Schema } from '../db/schema.ts';
import type { ModerationDeps } from '../deps.ts';
import { expireProtection } from './expire-protection.ts';
import { findEnded } from './protection.store.ts';

/** Lifts up to 100 protections whose end has come. Any replica may run it: each is lifted and published once. */
export const expireEnded = async (db: Database<Schema>, deps: ModerationDeps, log: Logger): Promise<void> => {
  for (const accountId of await findEnded(db.read, deps.now(), 100)) {
    try {
      await db.transaction((tx) => expireProtection(tx, deps, accountId));
    } catch (err) {
      if (errorCode(err) === accountCancelled.code) continue; // Its erasure is on the way.
      log.error({ err, accountId }, 'a protection could not be lifted; it comes again');
    }
  }
};
