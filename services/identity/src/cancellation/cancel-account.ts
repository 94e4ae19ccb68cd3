// Use case: the fence of identity itself. One transaction ends every session, refuses new ones and announces it.
import { accountCancelled } from '@meridian/contracts/events/lifecycle.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { newId } from '@meridian/kit/ids.ts';
import { lockStatus, setStatus } from '../account/account.store.ts';
import { consumeCode } from '../codes/code.store.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { assertProvenAgain } from '../sessions/assert-proven.ts';
import { endSessionsOf } from '../sessions/session.store.ts';
import { assertNotFrozen } from './assert-not-frozen.ts';
import { insertCancellation, markFenced } from './cancellation.store.ts';
import { fenceDeadlineMs, participants } from './cancellation.ts';
import { drawReceiptToken, hashReceiptToken, sealAccount } from './receipt.ts';

type Deps = Pick<IdentityDeps, 'region' | 'now' | 'publish' | 'vault'>;

export type CloseAccount = {
  readonly accountId: string;
  /** Absent when nobody asked in a session: the only login ended at its provider. */
  readonly sessionId?: string;
  readonly reason?: string | undefined;
  readonly network?: string;
};
export type CancelAccount = CloseAccount & {
  readonly sessionId: string;
  /** Absent: a fresh proof stands for it. */
  readonly codeId?: string | undefined;
};

export type CancelledAccount =
  | { readonly outcome: 'code_used' }
  | { readonly outcome: 'already_closing' }
  | { readonly outcome: 'closing'; readonly sagaId: string; readonly receiptToken: string };

const sealReason = async (
  tx: Tx<IdentitySchema>,
  { vault }: Deps,
  sagaId: string,
  { accountId, reason }: CloseAccount,
) => {
  if (reason === undefined) return null;
  const row = await tx
    .selectFrom('account_key')
    .select('wrapped')
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow();
  return vault.seal(vault.unwrap(accountId, row.wrapped), sagaId, reason);
};

/** Begins the saga of an account whose row the caller holds and has found active. */
export const closeAccount = async (
  tx: Tx<IdentitySchema>,
  deps: Deps,
  command: CloseAccount,
): Promise<{ readonly sagaId: string; readonly receiptToken: string }> => {
  const { accountId, sessionId, network } = command;
  const now = deps.now();
  const sagaId = newId('sag', deps.region.id, now);
  const receiptToken = drawReceiptToken(deps.region.id);
  await setStatus(tx, accountId, 'closing');
  await endSessionsOf(tx, accountId, now);
  await insertCancellation(tx, {
    sagaId,
    accountId,
    receiptHash: hashReceiptToken(receiptToken),
    sealedAccount: sealAccount(receiptToken, sagaId, accountId),
    sealedReason: await sealReason(tx, deps, sagaId, command),
    requestedAt: now,
    sweepAt: new Date(now.getTime() + fenceDeadlineMs + 1_000),
    participants,
  });
  await markFenced(tx, sagaId, 'identity', now);
  await appendSecurityLog(tx, {
    at: now,
    kind: 'cancellation_requested',
    accountId,
    ...(sessionId !== undefined && { sessionId }),
    ...(network !== undefined && { network }),
  });
  await deps.publish(tx, accountCancelled, { accountId, data: { sagaId } });
  return { sagaId, receiptToken };
};

export const cancelAccount = async (
  tx: Tx<IdentitySchema>,
  deps: Deps,
  command: CancelAccount,
): Promise<CancelledAccount> => {
  const { accountId, sessionId, codeId } = command;
  // Waits for sign-ins and refreshes under way; whatever comes after them reads `closing`.
  if ((await lockStatus(tx, accountId, 'update')) !== 'active') return { outcome: 'already_closing' };
  await assertNotFrozen(tx, deps, accountId);
  if (codeId === undefined) await assertProvenAgain(tx, deps, { accountId, sessionId });
  else if (!(await consumeCode(tx, codeId, 'reauthenticate', deps.now()))) return { outcome: 'code_used' };
  return { outcome: 'closing', ...(await closeAccount(tx, deps, command)) };
};
