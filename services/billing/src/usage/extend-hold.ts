import { holdNotOpen, insufficientBalance, type UsageFigures } from '@meridian/contracts/billing.ts';
import { accountCancelled, notFound } from '@meridian/contracts/common.ts';
import type { ProblemDefinition } from '@meridian/contracts/problem.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { isCancelled } from '../account/cancelled-account.ts';
import type { BillingDeps, BillingTx } from '../deps.ts';
import { boundOf, costOf, larger } from '../prices/price.ts';
import { findHold, lockHold, reserveMore, saveExtension, saveReport } from './hold.store.ts';
import { furtherReport, holdMilliseconds } from './hold.ts';

export type ExtendHold = {
  readonly requestId: string;
  readonly soFar: UsageFigures;
  readonly completionWindow: number;
};

export type Extension =
  | { readonly kind: 'extended'; readonly held: bigint; readonly deadline: Date }
  | { readonly kind: 'refused'; readonly problem: ProblemDefinition; readonly detail: string };

/**
 * Reserves up to what was delivered plus the next output window; a repeat reserves nothing more. The report is kept even when the
 * extension is refused, so a refusal is an answer and not an exception: the transaction must commit.
 */
export const extendHold = async (tx: BillingTx, deps: BillingDeps, command: ExtendHold): Promise<Extension> => {
  const { requestId, soFar, completionWindow } = command;
  const at = deps.now();
  const missing = { detail: 'No hold has this request id' };
  const { accountId } = (await findHold(tx, requestId)) ?? fail(notFound, missing);
  // Before any row is locked, as by every writer of an account: fence, hold, balance. An erasure that came first leaves a pseudonym.
  const cancelled = await isCancelled(tx, accountId);
  const hold = (await lockHold(tx, requestId)) ?? fail(notFound, missing);
  if (hold.state !== 'held' || hold.deadline <= at)
    return fail(holdNotOpen, { detail: 'The hold is closed: end the call and settle it' });
  const report = furtherReport(hold.reported, soFar);
  await saveReport(tx, requestId, report);
  if (cancelled)
    return { kind: 'refused', problem: accountCancelled, detail: 'End the call; the hold may still be settled' };
  const wanted = costOf(hold.price, report) + boundOf(hold.price, 0, completionWindow);
  const amount = larger(wanted, hold.amount);
  if (amount > hold.amount && !(await reserveMore(tx, hold.accountId, amount - hold.amount)))
    return { kind: 'refused', problem: insufficientBalance, detail: 'End the call and settle what was delivered' };
  const deadline = new Date(at.getTime() + holdMilliseconds);
  await saveExtension(tx, requestId, { amount, lastWindow: completionWindow, deadline });
  return { kind: 'extended', held: amount, deadline };
};
