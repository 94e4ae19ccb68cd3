// Is this key good, now, for this call. Nothing is cached: what cannot be decided from the key's own text is read from the primary.

import { readPublicPart } from '@meridian/client/key-checksum.ts';
import { type BaseUrlOf, refuseOrigin } from '@meridian/client/key-origin.ts';
import { unavailable } from '@meridian/contracts/common.ts';
import type { KeyProduct, KeyVerdict } from '@meridian/contracts/key-issuance.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { RateAnswer, RateQuestion } from '../rates/rate.store.ts';
import { type AccountModelLimits, subjectsOf, tooSmallFor } from '../rates/rate.ts';
import { isWithin } from './ip-network.ts';
import { judgeKey, type KeyFacts, type KeyUse } from './key.ts';
import { digestOfPresented, type Peppers } from './key-format.ts';
import type { NoteFailure } from './verification-failures.ts';

export type VerifyDeps = {
  readonly region: string;
  readonly now: () => Date;
  readonly peppers: Peppers;
  readonly baseUrlOf: BaseUrlOf;
  readonly appealUrl: string;
  readonly accountModelLimits: AccountModelLimits;
  /** Reads key and gate of one digest in a statement that starts after the call. */
  readonly factsOf: (digest: Buffer) => Promise<KeyFacts | undefined>;
  /** Takes one call from its counters. */
  readonly takeRates: (question: RateQuestion) => Promise<RateAnswer>;
  /** When the next answers to garbage leave. */
  readonly garbageLeaves: () => Promise<void>;
  /** Told of every verification that got no answer; must not wait. */
  readonly failed: NoteFailure;
  /** Told of every good key; must not wait. */
  readonly used: (keyId: string, at: Date) => void;
};

export type VerifyQuestion = Pick<KeyUse, 'model' | 'endpoint'> & {
  readonly key: string;
  readonly product: KeyProduct;
  /** Address of the caller. */
  readonly ip?: string | undefined;
  /** Tokens to reserve. */
  readonly tokensEstimate?: number | undefined;
};

/**
 * Never answers valid from memory: without the database the answer is 503 `unavailable`. Only a call that is allowed otherwise is counted
 * against limits, so a refused one takes nothing from anybody.
 */
export const verifyKey = async (deps: VerifyDeps, question: VerifyQuestion): Promise<KeyVerdict> => {
  const { key, product } = question;
  const refusal = refuseOrigin(readPublicPart(key), { region: deps.region, product }, deps.baseUrlOf);
  if (refusal) return { valid: false, refusal };
  const digest = digestOfPresented(deps.peppers, deps.region, key);
  if (digest === undefined) {
    await deps.garbageLeaves();
    return { valid: false, refusal: { code: 'key_invalid' } };
  }
  const facts = await answerOf(deps, () => deps.factsOf(digest));
  const now = deps.now();
  const { model, endpoint, ip } = question;
  const isFrom = ip === undefined ? undefined : (networks: readonly string[]) => isWithin(networks, ip);
  const verdict = judgeKey(facts, { model, endpoint, isFrom }, now, deps.appealUrl);
  if (!verdict.valid || facts === undefined) return verdict;
  const { accountId, keyId } = verdict;
  const subjects = subjectsOf({ accountId, keyId, limits: facts.limits }, model, deps.accountModelLimits);
  if (subjects.length === 0) {
    deps.used(keyId, now);
    return verdict;
  }
  const tokens = question.tokensEstimate ?? 0;
  const { exceeded, windows, at } = await answerOf(deps, () => deps.takeRates({ subjects, tokens }));
  const rates = [...windows];
  // Who is told to wait for what never comes would ask for ever.
  const never = tooSmallFor(windows, tokens);
  if (never) return { valid: false, refusal: { code: 'rate_limited', exceeded: { ...never, needed: tokens } }, rates };
  if (exceeded) return { valid: false, refusal: { code: 'rate_limited', until: exceeded.resetsAt, exceeded }, rates };
  deps.used(keyId, now);
  return { ...verdict, rates, reservedAt: at.toISOString() };
};

const answerOf = async <T>(deps: VerifyDeps, ask: () => Promise<T>): Promise<T> => {
  try {
    return await ask();
  } catch (err) {
    deps.failed(err);
    return fail(unavailable, { detail: 'Keys cannot be verified at the moment; try again', retryAfter: 1 });
  }
};
