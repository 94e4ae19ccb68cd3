// Use case: end every session of an account, or every one but the current.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { IdentitySchema, RevokedReason } from '../db/schema.ts';
import { type EndDeps, endSession } from './end-session.ts';
import { oldestBeyond } from './session.store.ts';

/** Answers how many ended. The caller holds the account's row, so no session is opened meanwhile. */
export const endSessions = async (
  tx: Tx<IdentitySchema>,
  deps: EndDeps,
  command: { accountId: string; except?: string; reason: RevokedReason; network?: string },
): Promise<number> => {
  const { accountId, except, ...rest } = command;
  let ended = 0;
  for (const sessionId of await oldestBeyond(tx, accountId, 0, deps.now()))
    if (sessionId !== except && (await endSession(tx, deps, { accountId, sessionId, ...rest }))) ended += 1;
  return ended;
};
