import { protectionLifted } from '@meridian/contracts/events/moderation.ts';
import { assertNotFenced } from '@meridian/kit/account/fence.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { lockAccount } from '../account/account.store.ts';
import type { Schema } from '../db/schema.ts';
import type { ModerationDeps } from '../deps.ts';
import { factsOf, findCase, setCase } from './case.store.ts';
import { stepCase } from './case.ts';
import { findUnlifted, liftProtection } from './protection.store.ts';

/** Lifts the account's protection if its end time has come, and says so once. Under the account's lock. Answers whether it did. */
export const expireLocked = async (tx: Tx<Schema>, deps: ModerationDeps, accountId: string): Promise<boolean> => {
  const now = deps.now();
  const protection = await findUnlifted(tx, accountId);
  if (!protection || protection.until_at > now) return false;
  const row = await findCase(tx, protection.case_id);
  if (!row) throw new Error(`protection ${protection.id} has no case`);
  const { facts } = await factsOf(tx, row);
  const step = stepCase(facts, { do: 'expire' });
  if (step.refused !== undefined) throw new Error(`case ${row.id} refused to expire: ${step.refused}`);
  await liftProtection(tx, protection.id, 'expired', now);
  if (step.state !== facts.state)
    await setCase(tx, row.id, { state: step.state, appealOpen: step.appeal === 'open', now });
  await deps.publish(tx, protectionLifted, {
    accountId,
    data: { protectionId: protection.id, caseId: row.id, reason: 'expired' },
  });
  return true;
};

/** The same as a use case of its own, for the worker. */
export const expireProtection = async (tx: Tx<Schema>, deps: ModerationDeps, accountId: string): Promise<boolean> => {
  await assertNotFenced(tx, accountId);
  await lockAccount(tx, accountId);
  return expireLocked(tx, deps, accountId);
};
