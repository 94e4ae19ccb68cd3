// Checks a code: the try is counted and committed first, then compared. A crash in between costs a try, never gives one.
import { codeInvalid, codeLimitReached } from '@meridian/contracts/identity.ts';
import type { Database } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { Now } from '@meridian/kit/ids.ts';
import { accountOfIndex } from '../contacts/contact.store.ts';
import { sameText } from '../crypto/mac.ts';
import type { IdentitySchema } from '../db/schema.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { raiseTries } from './code.store.ts';
import type { CodePurpose } from './code.ts';
import type { CodeSecrets } from './code-secrets.ts';
import { refund, reserve } from './limit.store.ts';
import { failureRule } from './send-code.ts';

export type CheckCodeDeps = {
  readonly db: Database<IdentitySchema>;
  readonly now: Now;
  readonly codeSecrets: CodeSecrets;
  readonly codesVerified: Verified;
};
/** Counts right codes; beside the codes sent it gives the ratio that falls under SMS pumping. */
export type Verified = (purpose: CodePurpose) => void;

/**
 * Returns when `code` is right for one of the identifiers; the caller still has to consume it in the transaction of its effect.
 * Refuses with `code_invalid`, whatever the reason, or `code_limit_reached` when the identifier had too many wrong tries.
 */
export const checkCode = async (
  deps: CheckCodeDeps,
  command: {
    codeId: string;
    purpose: CodePurpose;
    identifierHashes: readonly string[];
    code: string;
    network: string;
    accountId?: string;
  },
): Promise<void> => {
  const { codeId, purpose, identifierHashes, code, network, accountId } = command;
  const now = deps.now();
  // A failure is booked before the comparison and taken back after a right code: concurrent tries cannot overrun the budget.
  const tried = await deps.db.transaction(async (tx) => {
    const raised = await raiseTries(tx, { codeId, purpose, identifierHashes, now, accountId });
    if (raised === undefined) return undefined;
    const rule = failureRule(deps.codeSecrets, raised.identifierHash);
    return { raised, rule, retryAfter: await reserve(tx, [rule], now) };
  });
  if (tried?.retryAfter !== undefined)
    return fail(codeLimitReached, {
      retryAfter: tried.retryAfter,
      detail: 'Too many wrong tries; wait, then ask for a new code',
    });
  const right = sameText(tried?.raised.codeHash ?? '', deps.codeSecrets.codeHash(codeId, code));
  if (tried !== undefined && right) {
    deps.codesVerified(purpose);
    return refund(deps.db.read, tried.rule, now);
  }
  // Of a code that was never sent there is nothing to tell, and anonymous requests must not fill a log that cannot be emptied.
  if (tried !== undefined)
    await deps.db.transaction(async (tx) => {
      const owner = accountId ?? (await accountOfIndex(tx, tried.raised.identifierHash));
      await appendSecurityLog(tx, { at: now, kind: 'code_wrong', network, ...(owner && { accountId: owner }) });
    });
  return fail(codeInvalid, { detail: 'Ask for a new code if this one was used, has expired or was tried 5 times' });
};
