import { insufficientBalance, modelUnknown, requestMismatch } from '@meridian/contracts/billing.ts';
import { assertNotFenced } from '@meridian/kit/account/fence.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { BillingDeps, BillingTx } from '../deps.ts';
import { priceInForce } from '../prices/price.store.ts';
import { boundOf } from '../prices/price.ts';
import { findHold, reserve } from './hold.store.ts';
import { holdMilliseconds } from './hold.ts';

export type CreateHold = {
  readonly requestId: string;
  readonly accountId: string;
  readonly keyId: string;
  readonly model: string;
  readonly promptTokensBound: number;
  readonly completionWindow: number;
};

const repeated = async (tx: BillingTx, command: CreateHold) => {
  const known = await findHold(tx, command.requestId);
  const same =
    known !== undefined &&
    known.accountId === command.accountId &&
    known.keyId === command.keyId &&
    known.price.model === command.model &&
    known.promptTokensBound === command.promptTokensBound &&
    known.firstWindow === command.completionWindow;
  if (!same)
    return fail(requestMismatch, { detail: 'This request id reserved money for another call; draw a new one' });
  if (known.state !== 'held')
    return fail(requestMismatch, { detail: `The call of this request id is ${known.state}; draw a new one` });
  return { held: known.amount, deadline: known.deadline };
};

/**
 * Reserves the bound of the prompt and the first output window, at the price in force. The same request again answers the open hold.
 * Refuses `account_cancelled`, `model_unknown`, `insufficient_balance`, `request_mismatch`; whatever it refuses must be rolled back.
 */
export const createHold = async (tx: BillingTx, deps: BillingDeps, command: CreateHold) => {
  await assertNotFenced(tx, command.accountId);
  const at = deps.now();
  const price =
    (await priceInForce(tx, command.model, at)) ??
    fail(modelUnknown, { detail: 'GET /v1/billing/prices lists the models' });
  const amount = boundOf(price, command.promptTokensBound, command.completionWindow);
  const deadline = new Date(at.getTime() + holdMilliseconds);
  const outcome = await reserve(tx, { ...command, price, amount, at, deadline });
  if (outcome === 'known') return repeated(tx, command);
  if (outcome === 'short')
    return fail(insufficientBalance, { detail: 'Recharge the balance, or wait for running calls to end' });
  return { held: amount, deadline };
};
