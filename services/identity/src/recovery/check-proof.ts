// Checks one proof of a person who is not signed in. The same statements and answers run whether or not there is an account behind it.
import { codeInvalid, codeLimitReached, factorInvalid } from '@meridian/contracts/identity.ts';
import type { Proof, ProofKind } from '@meridian/contracts/identity-recovery.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { checkCode } from '../codes/check-code.ts';
import { consumeCode } from '../codes/code.store.ts';
import { refund, reserve } from '../codes/limit.store.ts';
import { failureRule } from '../codes/send-code.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { useFactor } from '../factors/check-factor.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { decoyAccount } from './name-account.ts';
import { isPerson } from './real-name.ts';

export type ProofQuestion = {
  readonly accountId: string | null;
  /** What wrong tries are counted under; also stands for an account that nobody has. */
  readonly budget: string;
  /** Addresses whose codes count. */
  readonly identifierHashes: readonly string[];
  readonly proof: Proof;
  readonly network: string;
};
export type Proven = { readonly kind: ProofKind; readonly contactId?: string };

/** The address of the account that the code was sent to. */
const contactOfCode = async (tx: Tx<IdentitySchema>, codeId: string, accountId: string): Promise<string | undefined> =>
  (
    await tx
      .selectFrom('code')
      .innerJoin('contact', 'contact.blind_index', 'code.identifier_hash')
      .select('contact.id')
      .where('code.id', '=', codeId)
      .where('contact.account_id', '=', accountId)
      .executeTakeFirst()
  )?.id;

const withCode = async <T>(
  deps: IdentityDeps,
  question: ProofQuestion & { readonly proof: Extract<Proof, { method: 'code' }> },
  then: (tx: Tx<IdentitySchema>, proven: Proven) => Promise<T>,
): Promise<T> => {
  const { codeId, code } = question.proof;
  const { identifierHashes, network, accountId, budget } = question;
  await checkCode(deps, { codeId, purpose: 'recover', identifierHashes, code, network });
  return deps.db.transaction(async (tx) => {
    const contactId = await contactOfCode(tx, codeId, accountId ?? decoyAccount(deps.region.id, budget));
    const used = await consumeCode(tx, codeId, 'recover', deps.now());
    if (!used || accountId === null || contactId === undefined) return fail(codeInvalid);
    return then(tx, { kind: 'code', contactId });
  });
};

/** Runs `then` in the transaction that uses the proof up. Refuses with `code_invalid` or `factor_invalid`, whatever the reason. */
export const withProof = async <T>(
  deps: IdentityDeps,
  question: ProofQuestion,
  then: (tx: Tx<IdentitySchema>, proven: Proven) => Promise<T>,
): Promise<T> => {
  const { accountId, budget, proof, network } = question;
  if (proof.method === 'code') return withCode(deps, { ...question, proof }, then);
  const now = deps.now();
  const asked = accountId ?? decoyAccount(deps.region.id, budget);
  const rule = failureRule(deps.codeSecrets, `recovery ${budget}`);
  const retryAfter = await deps.db.transaction((tx) => reserve(tx, [rule], now));
  if (retryAfter !== undefined) return fail(codeLimitReached, { retryAfter, detail: 'Too many wrong tries; wait' });
  const isTheirs =
    proof.method === 'real_name'
      ? await isPerson(deps, { accountId: asked, named: budget }, proof).catch(async (error: unknown) => {
          // Nothing was compared: an outage of verification must not use up the tries of the hour.
          await refund(deps.db.read, rule, now);
          throw error;
        })
      : undefined;
  const used = await deps.db.transaction(async (tx) => {
    const right = proof.method === 'real_name' ? isTheirs === true : await useFactor(tx, deps, asked, proof);
    return right && accountId !== null ? { result: await then(tx, { kind: proof.method }) } : undefined;
  });
  if (used === undefined) {
    const whose = accountId === null ? {} : { accountId };
    await deps.db.transaction((tx) =>
      appendSecurityLog(tx, { at: now, kind: 'factor_wrong', ...whose, network, method: proof.method }),
    );
    return fail(factorInvalid);
  }
  await refund(deps.db.read, rule, now);
  return used.result;
};
