// Is this key good, now. Nothing is cached: what cannot be decided from the key's own text is read from the primary.

import { readPublicPart } from '@meridian/client/key-checksum.ts';
import { type BaseUrlOf, refuseOrigin } from '@meridian/client/key-origin.ts';
import { unavailable } from '@meridian/contracts/common.ts';
import type { KeyProduct } from '@meridian/contracts/key-issuance.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { Logger } from '@meridian/kit/telemetry/log.ts';
import { judgeKey, type KeyFacts, type Verdict } from './key.ts';
import { digestOfPresented, type Peppers } from './key-format.ts';

export type VerifyDeps = {
  readonly region: string;
  readonly now: () => Date;
  readonly log: Logger;
  readonly peppers: Peppers;
  readonly baseUrlOf: BaseUrlOf;
  readonly appealUrl: string;
  /** Reads key and gate of one digest in a statement that starts after the call. */
  readonly factsOf: (digest: Buffer) => Promise<KeyFacts | undefined>;
  /** Told of every good key; must not wait. */
  readonly used: (keyId: string, at: Date) => void;
};

/** Never answers valid from memory: without the database the answer is 503 `unavailable`. */
export const verifyKey = async (deps: VerifyDeps, question: { key: string; product: KeyProduct }): Promise<Verdict> => {
  const { key, product } = question;
  const refusal = refuseOrigin(readPublicPart(key), { region: deps.region, product }, deps.baseUrlOf);
  if (refusal) return { valid: false, refusal };
  const digest = digestOfPresented(deps.peppers, deps.region, key);
  if (digest === undefined) return { valid: false, refusal: { code: 'key_invalid' } };
  const facts = await read(deps, digest);
  const now = deps.now();
  const verdict = judgeKey(facts, now, deps.appealUrl);
  if (verdict.valid) deps.used(verdict.keyId, now);
  return verdict;
};

const read = async (deps: VerifyDeps, digest: Buffer): Promise<KeyFacts | undefined> => {
  try {
    return await deps.factsOf(digest);
  } catch (err) {
    deps.log.error({ err }, 'a key could not be read');
    return fail(unavailable, { detail: 'Keys cannot be verified at the moment; try again', retryAfter: 1 });
  }
};
