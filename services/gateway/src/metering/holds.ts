// Money of one call: reserved before, extended while it streams, settled or given back once.
import { mayBeHeld } from '@meridian/client/hold-end.ts';
import {
  createHold,
  extendHold,
  insufficientBalance,
  modelUnknown,
  type UsageFigures,
} from '@meridian/contracts/billing.ts';
import { accountCancelled, unavailable } from '@meridian/contracts/common.ts';
import type { ProblemDefinition } from '@meridian/contracts/problem.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { Core } from '@meridian/kit/run/platform.ts';
import type { Settlements } from './settlements.ts';

export type HoldDeps = Pick<Core, 'call' | 'log'> & { readonly billingUrl: string; readonly settlements: Settlements };

export type Outcome = 'completed' | 'interrupted';

export type Hold = {
  /** When billing gives up waiting; extended with every window. */
  readonly deadline: () => Date;
  /** Reserves the next window, carrying what was used so far. Refuses with `insufficient_balance` or `unavailable`. */
  readonly extend: (soFar: UsageFigures, completionWindow: number) => Promise<void>;
  /** Charges; only the first of settle and release counts. Resolves after the first attempt; a failed one is repeated in the background. */
  readonly settle: (usage: UsageFigures, outcome: Outcome) => Promise<void>;
  readonly release: () => Promise<void>;
};

const timeoutMs = 3_000;

const passedOn: Readonly<Record<string, readonly [ProblemDefinition, string]>> = {
  insufficient_balance: [
    insufficientBalance,
    'The balance does not cover the call; recharge, or ask for fewer tokens. Do not retry before that',
  ],
  model_unknown: [modelUnknown, 'There is no such model here; GET /v1/models lists those there are'],
  account_cancelled: [accountCancelled, 'The account is cancelled'],
};

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';

const refuse = (deps: HoldDeps, err: unknown): never => {
  const known = passedOn[codeOf(err)];
  if (known) return fail(known[0], { detail: known[1] });
  deps.log.error({ err }, 'billing does not hold');
  return fail(unavailable, { detail: 'The balance cannot be checked at the moment; try again', retryAfter: 1 });
};

export type HoldRequest = {
  readonly requestId: string;
  readonly accountId: string;
  readonly keyId: string;
  readonly model: string;
  readonly promptTokensBound: number;
  readonly completionWindow: number;
};

/** Reserves the prompt bound and the first output window. Refuses with 402, 404 or, without billing, 503. */
/** `closed` is told, once, how many tokens the call used. */
export const openHold = async (deps: HoldDeps, body: HoldRequest, closed: (tokens: number) => void): Promise<Hold> => {
  const { call, billingUrl: baseUrl, settlements } = deps;
  const { requestId } = body;
  const held = await call(createHold, { baseUrl, body, timeoutMs }).catch((err: unknown) => {
    // It may exist all the same: it is given back in any case.
    if (mayBeHeld(err)) void settlements.release(requestId);
    return refuse(deps, err);
  });
  let deadline = new Date(held.body.deadline);
  let over = false;
  const once = async (tokens: number, work: () => Promise<void>): Promise<void> => {
    if (over) return;
    over = true;
    closed(tokens);
    await work();
  };
  return {
    deadline: () => deadline,
    extend: async (soFar, completionWindow) => {
      const extended = await call(extendHold, {
        baseUrl,
        params: { requestId },
        body: { soFar, completionWindow },
        timeoutMs,
      }).catch((err: unknown) => refuse(deps, err));
      deadline = new Date(extended.body.deadline);
    },
    settle: (usage, outcome) =>
      once(usage.promptTokens + usage.completionTokens, () => settlements.settle(requestId, usage, outcome)),
    release: () => once(0, () => settlements.release(requestId)),
  };
};
