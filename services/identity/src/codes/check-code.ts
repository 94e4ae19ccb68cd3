// Checks a code: the try is counted and committed first, then compared. A crash in between costs a try, never gives one.
import { codeInvalid, codeLimitReached } from '@meridian/contracts/identity.ts';
import type { Database } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { Now } from '@meridian/kit/ids.ts';
import { findOwner } from '../contacts/contact.store.ts';
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
    /** The code stands under a login that waits for its phone, not under an account. */
    bindingId?: string;
  },
): Promise<void> => {
  const { codeId, purpose, identifierHashes, code, network, accountId, bindingId } = command;
  const now = deps.now();
  const raised = await deps.db.transaction((tx) =>
    raiseTries(tx, { codeId, purpose, identifierHashes, now, accountId: accountId ?? bindingId }),
  );
  const rule = raised && failureRule(deps.codeSecrets, raised.identifierHash);
  // A failure is booked before the comparison and taken back after a right code: concurrent tries cannot overrun the budget. Not in the
  // transaction that holds the code's row: a new code for the identifier locks the limit first, then the row.
  const retryAfter = rule && (await deps.db.transaction((tx) => reserve(tx, [rule], now)));
  if (retryAfter !== undefined)
    return fail(codeLimitReached, { retryAfter, detail: 'Too many wrong tries; wait, then ask for a new code' });
  const right = sameText(raised?.codeHash ?? '', deps.codeSecrets.codeHash(codeId, code));
  if (rule !== undefined && right) {
    deps.codesVerified(purpose);
    return refund(deps.db.read, rule, now);
  }
  // Of a code that was never sent there is nothing to tell, and anonymous requests must not fill a log that cannot be emptied.
  if (raised !== undefined)
    await deps.db.transaction(async (tx) => {
      const owner = accountId ?? (await findOwner(tx, raised.identifierHash))?.accountId;
      await appendSecurityLog(tx, { at: now, kind: 'code_wrong', network, ...(owner && { accountId: owner }) });
    });
  return fail(codeInvalid, { detail: 'Ask for a new code if this one was used, has expired or was tried 5 times' });
};
