// Use case: the fence of identity itself. One transaction ends every session, refuses new ones and announces it.
import { accountCancelled } from '@meridian/contracts/events/lifecycle.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { newId } from '@meridian/kit/ids.ts';
import { lockStatus, setStatus } from '../account/account.store.ts';
import { consumeCode } from '../codes/code.store.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { endSessionsOf } from '../sessions/session.store.ts';
import { insertCancellation, markFenced } from './cancellation.store.ts';
import { fenceDeadlineMs, participants } from './cancellation.ts';
import { drawReceiptToken, hashReceiptToken, sealAccount } from './receipt.ts';

type Deps = Pick<IdentityDeps, 'region' | 'now' | 'publish' | 'vault'>;

export type CancelAccount = {
  readonly accountId: string;
  readonly sessionId: string;
  readonly codeId: string;
  readonly reason?: string | undefined;
  readonly network: string;
};

export type CancelledAccount =
  | { readonly outcome: 'code_used' }
  | { readonly outcome: 'already_closing' }
  | { readonly outcome: 'closing'; readonly sagaId: string; readonly receiptToken: string };

const sealReason = async (
  tx: Tx<IdentitySchema>,
  { vault }: Deps,
  sagaId: string,
  { accountId, reason }: CancelAccount,
) => {
  if (reason === undefined) return null;
  const row = await tx
    .selectFrom('account_key')
    .select('wrapped')
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow();
  return vault.seal(vault.unwrap(accountId, row.wrapped), sagaId, reason);
};

export const cancelAccount = async (
  tx: Tx<IdentitySchema>,
  deps: Deps,
  command: CancelAccount,
): Promise<CancelledAccount> => {
  const { accountId, sessionId, codeId, network } = command;
  const now = deps.now();
  // Waits for sign-ins and refreshes under way; whatever comes after them reads `closing`.
  if ((await lockStatus(tx, accountId, 'update')) !== 'active') return { outcome: 'already_closing' };
  if (!(await consumeCode(tx, codeId, 'reauthenticate', now))) return { outcome: 'code_used' };

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
  await appendSecurityLog(tx, { at: now, kind: 'cancellation_requested', accountId, sessionId, network });
  await deps.publish(tx, accountCancelled, { accountId, data: { sagaId } });
  return { outcome: 'closing', sagaId, receiptToken };
};
