// Checks a second factor. The try is counted and committed first, over all challenges of the account; a right one gives it back.
import { codeLimitReached, factorInvalid } from '@meridian/contracts/identity.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { refund, reserve } from '../codes/limit.store.ts';
import { factorWindows } from '../codes/limits.ts';
import { failureRule } from '../codes/send-code.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { type GivenPasskey, usePasskey } from '../passkeys/use-passkey.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { totpOf, useRecoveryCode, useStep } from './factor.store.ts';
import { matchingStep } from './totp.ts';

type Deps = Pick<IdentityDeps, 'db' | 'region' | 'now' | 'vault' | 'codeSecrets' | 'factorHash'>;
export type GivenFactor =
  | { readonly method: 'totp' | 'recovery_code'; readonly code: string }
  | ({ readonly method: 'passkey' } & GivenPasskey);

/** Uses the factor up in this transaction; false when it is not right. */
export const useFactor = async (
  tx: Tx<IdentitySchema>,
  deps: Omit<Deps, 'db'>,
  accountId: string,
  factor: GivenFactor,
): Promise<boolean> => {
  const { vault, now, factorHash } = deps;
  if (factor.method === 'passkey') return (await usePasskey(tx, deps, factor)) === accountId;
  const { method, code } = factor;
  if (method === 'recovery_code') return useRecoveryCode(tx, accountId, factorHash(accountId, code), now());
  const totp = await totpOf(tx, accountId);
  if (totp?.sealed == null) return false;
  const secret = Buffer.from(vault.open(vault.unwrap(accountId, totp.wrapped), 'totp', totp.sealed), 'base64url');
  const step = matchingStep(secret, code, now(), Number(totp.lastStep));
  return step !== undefined && useStep(tx, accountId, step);
};

/** Runs `then` in the transaction that uses the factor up. Refuses with `factor_invalid`, whatever the reason. */
export const withFactor = async <T>(
  deps: Deps,
  { accountId, factor, network }: { accountId: string; factor: GivenFactor; network: string },
  then: (tx: Tx<IdentitySchema>) => Promise<T>,
): Promise<T> => {
  const now = deps.now();
  const rule = { ...failureRule(deps.codeSecrets, accountId), windows: factorWindows };
  const retryAfter = await deps.db.transaction((tx) => reserve(tx, [rule], now));
  if (retryAfter !== undefined) return fail(codeLimitReached, { retryAfter, detail: 'Too many wrong tries; wait' });
  const used = await deps.db.transaction(async (tx) =>
    (await useFactor(tx, deps, accountId, factor)) ? { result: await then(tx) } : undefined,
  );
  if (used === undefined) {
    await deps.db.transaction((tx) =>
      appendSecurityLog(tx, { at: now, kind: 'factor_wrong', accountId, network, method: factor.method }),
    );
    return fail(factorInvalid);
  }
  await refund(deps.db.read, rule, now);
  return used.result;
};
